"""An app's hooks on real hosts: where and as whom they run, and what becomes of hosts when one of them ends badly."""

import signal
import time

import pytest

from tests.hosts.live import eventually
from tests.hosts.test_main_job import deployed

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]

LOG = "/var/tmp/hooks"
SLOW = "/var/tmp/slow"  # names the hook that takes its time
LINE = f'echo "$CDCONF_HOOK $(cat VERSION) $(id -un) $GREETING" >> {LOG}; ! grep -sqx $CDCONF_HOOK {SLOW} || sleep 60'
HOOKS = f"""confirm_within: 5s
    user: daemon
    env_file: /etc/hooks.env
    hooks:
      before_activate: '{LINE}; test ! -e refused'
      after_activate: {{run: '{LINE}', on: once}}
      after_rollback: '{LINE}; exit 7'
      after_deploy: {{run: '{LINE}; exit 3', on: once, within: 20s}}
    batches:"""


@pytest.fixture
def hooked(live, deployed):
    """The app with all hooks that hosts run; the release that runs knows them too."""
    file = live.root / "cdconf.yml"
    text = file.read_text()
    file.write_text(text.replace("batches:", HOOKS))
    for host in ("web1", "web2"):
        live.on(host, f"echo GREETING=hello > /etc/hooks.env; rm -f {SLOW}; install -m 666 /dev/null {LOG}")
        live.on(host, "touch /srv/app/expanded; chmod 666 /srv/app/expanded")
    yield live
    file.write_text(text)


def ran(live, host):
    """What hooks wrote on a host: name, version, user, greeting."""
    return [line.split() for line in live.on(host, f"cat {LOG}").splitlines()]


def test_hooks_run_in_the_release_as_the_app_s_user_and_one_that_comes_after_blocks_nothing(hooked, deployed):
    version = hooked.commit(note=str(time.time_ns()))
    result = hooked("deploy", "app", "--to", "dev")
    assert hooked.served() == {"web1": version, "web2": version}
    own = [version, "daemon", "hello"]
    assert ran(hooked, "web1") == [[name, *own] for name in ("before_activate", "after_activate", "after_deploy")]
    assert ran(hooked, "web2") == [["before_activate", *own]]
    assert "web1: the after_deploy hook of app failed with exit status 3" in result.stderr


def test_one_before_the_activation_that_fails_rolls_back_and_restarts_nothing(hooked, deployed):
    (hooked.root / "build.sh").write_text(
        (hooked.root / "build.sh").read_text().replace("cp serve.py", "touch out/app/refused; cp serve.py")
    )
    pids = [hooked.on(host, "systemctl show -p MainPID app") for host in ("web1", "web2")]
    try:
        hooked.commit(note=str(time.time_ns()))
        result = hooked("deploy", "app", "--to", "dev", code=1)
    finally:
        (hooked.root / "build.sh").write_text(
            (hooked.root / "build.sh").read_text().replace("touch out/app/refused; ", "")
        )
        hooked.commit(note=str(time.time_ns()))
    assert "the before_activate hook failed with exit status 1" in result.stderr
    assert "web1: the after_rollback hook of app failed with exit status 7" in result.stderr
    assert [one[:2] for one in ran(hooked, "web1")][1:] == [["after_rollback", deployed]]
    assert ran(hooked, "web2") == []
    assert [hooked.on(host, "systemctl show -p MainPID app") for host in ("web1", "web2")] == pids


def test_a_controller_that_is_killed_during_a_hook_leaves_nothing_half_done(hooked, deployed):
    """The host ends the hook, goes back by itself, and runs the hook after that without any controller."""
    hooked.commit(note=str(time.time_ns()))
    hooked.on("web1", f"echo before_activate > {SLOW}")
    process = hooked.deploying("activate: web1")
    assert eventually(lambda: ran(hooked, "web1"), 20)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert eventually(lambda: [one[:2] for one in ran(hooked, "web1")][1:] == [["after_rollback", deployed]], 40)
    hooked.free()
    page = hooked.document("status", "dev")["status"]["web1"]["apps"]["app"]
    assert (page["linked"].rpartition("-")[0], page["activating"], page["problem"]) == (deployed, None, None)
    assert "the after_rollback hook failed with exit status 7" in page["reverted"]["problem"]
    assert hooked.on("web1", "pgrep -f 'sleep 60'") == ""
    assert hooked.served() == {"web1": deployed, "web2": deployed}
