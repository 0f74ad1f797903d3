"""Signals that end a run: at the moment they come, but for those at which Python would be left with a lock."""

import os
import subprocess
import sys
import time
from pathlib import Path
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
        code = SimpleNamespace(co_filename=file, co_name=name)
        frame = SimpleNamespace(f_code=code, f_globals={"__name__": Path(file).stem}, f_back=frame)
    return frame


@pytest.mark.parametrize(
    "stack",
    [
        (("cdconf/cli/verbs/run.py", "command"),),
        (("a.py", "<module>"), (IMPORTS, "_call_with_frames_removed"), (IMPORTS, "_find_and_load"), ("b.py", "f")),
        ((IMPORTS, "_find_spec"), (IMPORTS, "_find_and_load"), ("b.py", "f")),
        (("c.py", "acquire"),),
        (("subprocess.py", "wait"), ("b.py", "__init__")),
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
        (("subprocess.py", "_execute_child"), ("subprocess.py", "__init__"), ("b.py", "f")),
        (("/usr/lib/python3.13/subprocess.py", "__init__"), ("b.py", "f")),
    ],
)
def test_at_a_lock_of_imports_and_while_a_process_starts_it_comes_once_more(stack, monkeypatch):
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


# Each process makes a file once it runs; a signal at any moment leaves none of them running.
STARTS = """
import os, random, signal, subprocess, sys, threading, time
from cdconf.cli.signals import end_by_signals
end_by_signals()
def poke():
    time.sleep(random.random() * 0.004)
    os.kill(os.getpid(), signal.SIGTERM)
for number in range(150):
    one = threading.Thread(target=poke)
    process = None
    try:
        one.start()
        process = subprocess.Popen(["sleep", sys.argv[1]], start_new_session=True, stdout=-3, stderr=-3)
        time.sleep(10)
    except KeyboardInterrupt:
        pass
    if process is not None:
        process.kill()
        process.wait()
    try:
        one.join()
    except KeyboardInterrupt:
        one.join()
os._exit(0)
"""


def test_no_process_is_started_that_nobody_knows_of():
    seconds = f"9{os.getpid()}.{time.monotonic_ns()}"
    done = subprocess.run([sys.executable, "-c", STARTS, seconds], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    left = subprocess.run(["pgrep", "-f", f"^sleep {seconds}"], capture_output=True, text=True, check=False).stdout
    subprocess.run(["pkill", "-f", f"^sleep {seconds}"], check=False)
    assert left == ""
