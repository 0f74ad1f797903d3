"""Signals that end a run: at the moment they come, but for those at which Python would be left with a lock."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from cdconf.cli.signals import IMPORTS, raised
from cdconf.errors import TerminateSignal

# Threads import all the time; each signal must end the main one's loop, and leave imports possible.
STRESS = """
import os, random, signal, sys, threading, time, warnings
from cdconf.cli.signals import end_by_signals
warnings.simplefilter("ignore")
end_by_signals()
sys.setswitchinterval(1e-5)
def again(*names):
    for name in names:
        sys.modules.pop(name, None)
        try:
            __import__(name)
        except KeyError:  # another thread has just forgotten it
            pass
def for_ever():
    while True:
        again("colorsys", "sndhdr")
for _ in range(3):
    threading.Thread(target=for_ever, daemon=True).start()
def poke():
    time.sleep(random.random() * 0.01)
    os.kill(os.getpid(), signal.SIGTERM)
for number in range(60):
    one = threading.Thread(target=poke)
    try:
        one.start()
        while True:
            again("chunk")
    except KeyboardInterrupt:
        pass
    one.join()
    done = threading.Event()
    threading.Thread(target=lambda: (again("imghdr"), done.set()), daemon=True).start()
    if not done.wait(20):
        print("nothing can be imported any more", flush=True)
        os._exit(1)
os._exit(0)
"""


def frames(*about):
    frame = None
    for file, name in reversed(about):
        frame = SimpleNamespace(f_code=SimpleNamespace(co_filename=file, co_name=name), f_back=frame)
    return frame


@pytest.mark.parametrize(
    "stack",
    [
        (("cdconf/cli/verbs/run.py", "command"),),
        (("a.py", "<module>"), (IMPORTS, "_call_with_frames_removed"), (IMPORTS, "_find_and_load"), ("b.py", "f")),
        ((IMPORTS, "_find_spec"), (IMPORTS, "_find_and_load"), ("b.py", "f")),
        (("c.py", "acquire"),),
    ],
)
def test_it_ends_the_run_at_once(stack):
    with pytest.raises(TerminateSignal):
        raised(TerminateSignal, 15, frames(*stack))


@pytest.mark.parametrize(
    "stack",
    [
        ((IMPORTS, "_get_module_lock"), (IMPORTS, "__enter__"), ("b.py", "f")),
        ((IMPORTS, "cb"), ("b.py", "f")),
        (("threading.py", "wait"), (IMPORTS, "cb"), ("b.py", "f")),
    ],
)
def test_at_a_lock_of_imports_it_comes_once_more(stack, monkeypatch):
    asked = []
    monkeypatch.setattr("cdconf.cli.signals.signal.signal", lambda number, handler: asked.append(number))
    monkeypatch.setattr("cdconf.cli.signals.signal.setitimer", lambda which, seconds: asked.append(seconds))
    assert raised(TerminateSignal, 15, frames(*stack)) is None
    assert len(asked) == 2


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the modules that it imports have gone")
def test_imports_go_on_whatever_moment_a_signal_comes_at():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STRESS], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
