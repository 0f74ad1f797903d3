"""`run --app`: on which hosts, and what gives a command a terminal there."""

import shlex
from types import SimpleNamespace

import pytest

from cdconf.cli.flags import Flags
from cdconf.cli.run_app import chosen_hosts, terminal_line
from cdconf.errors import UsageError

SHOP = SimpleNamespace(
    name="shop",
    path="/srv/shop",
    user="shop",
    env_file="/etc/shop env",
    groups=("web",),
    runs_on=lambda host: host.name.startswith("web"),
)


def run_of(*names, **flags):
    return SimpleNamespace(
        selected=lambda: [SimpleNamespace(name=name) for name in names],
        project=SimpleNamespace(apps={"shop": SHOP}),
        environment=SimpleNamespace(name="dev"),
        flags=Flags(**flags),
    )


def chosen(*names, app="shop", terminal=False, has_input=False, **flags):
    return [one.name for one in chosen_hosts(run_of(*names, **flags), app, terminal=terminal, has_input=has_input)]


def test_a_command_runs_on_those_hosts_that_have_the_app():
    assert chosen("db1", "web1", "web2") == ["web1", "web2"]
    assert chosen("db1", "web1", app=None) == ["db1", "web1"]
    assert chosen("db1", "web1", terminal=True) == ["web1"]


@pytest.mark.parametrize(
    ("names", "how", "message", "hint"),
    [
        (["db1"], {}, "dev has no host in web", None),
        (["db1"], {"limit": "db1"}, "dev has no host that --limit db1 leaves in web", None),
        (["web1", "web2"], {"terminal": True}, "-t is for one host", "--limit web1"),
        (["web1"], {"terminal": True, "app": None}, "-t gives a terminal in an app's release", "--app APP"),
        (["web1"], {"terminal": True, "has_input": True}, "so --stdin can't be", None),
        (["web1"], {"terminal": True, "as_json": True}, "so --json can't be", None),
        (["web1"], {"app": "shpo"}, "shpo", "shop"),
    ],
)
def test_what_cannot_be_chosen(names, how, message, hint):
    with pytest.raises(UsageError) as caught:
        chosen(*names, **how)
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


def test_a_terminal_s_command_is_started_as_the_app_s_services_are():
    line = terminal_line('echo "$HOME"; x', SHOP, "shop", become=False)
    start = shlex.split(line)
    assert start[:3] == ["exec", "/bin/sh", "-c"]
    words = shlex.split(start[3].partition("exec systemd-run")[2])
    assert {"--pty", "--wait", "--uid=shop", "--property=WorkingDirectory=/srv/shop/current"} <= set(words)
    assert "--property=EnvironmentFile=/etc/shop env" in words
    assert words[-5:-2] == ["--", "/bin/sh", "-c"]
    assert words[-1] == 'echo "$$HOME"; x'
    assert "test -e /srv/shop/current || " in start[3]
    assert "test -e '/etc/shop env' || " in start[3]
    assert shlex.split(terminal_line("x", SHOP, None, become=True))[:4] == ["exec", "sudo", "/bin/sh", "-c"]
