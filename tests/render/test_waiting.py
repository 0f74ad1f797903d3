"""Lines of a run that waits: a log that says nothing for a minute looks dead."""

from cdconf.events import HostDone, HostStep, Step
from cdconf.render import plain
from cdconf.render.plain import PlainRenderer
from cdconf.render.style import Style


def test_a_pipe_hears_what_is_waited_for_when_nothing_else_was_said_for_a_while(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(plain.time, "monotonic", lambda: now[0])
    renderer = PlainRenderer(Style(), lambda text: text.replace("hunter2", "***"))
    renderer(Step("batch 1 of 2: soak 60 s: web1, web2"))
    for second in range(1, 31):
        now[0] = float(second)
        for name in ("web1", "web2"):
            renderer(HostStep(name, f"soaking, {60 - second} s left hunter2"))
    renderer(HostDone("web1", "ok"))
    assert capsys.readouterr().err.splitlines() == [
        "==> batch 1 of 2: soak 60 s: web1, web2",
        "  web1: soaking, 50 s left ***",
        "  web1: soaking, 40 s left ***",
        "  web1: soaking, 30 s left ***",
    ]
