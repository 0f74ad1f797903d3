"""Packages that hosts install for a release before it's activated: as whom, how often, and what becomes of failures."""

import json
import time

import pytest

from tests.hosts.test_main_job import deployed
from tests.wheels import wheel

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]

PREPARE = """user: daemon
    prepare: {venv: {lock: requirements.lock, wheels: wheels, within: 2m}}
    hooks: {before_activate: '.venv/bin/greeting >> /var/tmp/greeted'}
    keep: 2
    batches:"""
BUILD = "cp -r requirements.lock wheels out/app/ && cp serve.py"


@pytest.fixture
def prepared(live, deployed):
    """The app with a lock file and the wheel that it names."""
    config, build = live.root / "cdconf.yml", live.root / "build.sh"
    before = {file: file.read_text() for file in (config, build)}
    config.write_text(before[config].replace("batches:", PREPARE))
    build.write_text(before[build].replace("cp serve.py", BUILD))
    lock(live, "1.0")
    for host in ("web1", "web2"):
        live.on(host, "install -m 666 /dev/null /var/tmp/greeted; touch /srv/app/expanded; chmod 666 /srv/app/expanded")
    yield live
    for file, text in before.items():
        file.write_text(text)


def lock(live, version, word="hello"):
    (live.root / "requirements.lock").write_text(wheel(live.root / "wheels", "greeting", version, word=word))


def deploy(live, code=0):
    """Deploys a new commit; returns its version and what was said."""
    version = live.commit(note=str(time.time_ns()))
    return version, live("deploy", "app", "--to", "dev", "-v", code=code)


def installed(live, host="web1"):
    return live.on(host, "ls /srv/app/packages").split()


def page(live):
    """What `status` says of the app on web1."""
    return live.document("status", "dev")["status"]["web1"]["apps"]["app"]


def test_packages_are_there_before_the_activation_and_a_second_release_with_the_same_lock_finds_them(prepared):
    deploy(prepared)
    [name] = installed(prepared)
    assert prepared.on("web1", "readlink /srv/app/current/.venv") == f"../../packages/{name}"
    assert prepared.on("web1", "cat /var/tmp/greeted") == "hello"
    script = prepared.on("web1", "head -1 /srv/app/current/.venv/bin/greeting")
    assert script == f"#!/srv/app/packages/{name}/bin/python"
    assert prepared.on("web1", "find /srv/app/packages ! -user root -o -perm /022 ! -type l") == ""
    assert prepared.on("web1", "find /srv/app/packages -name '.*'") == ""
    made = prepared.on("web1", f"stat -c %i:%Z /srv/app/packages/{name}")
    deploy(prepared)
    assert installed(prepared) == [name]
    assert prepared.on("web1", f"stat -c %i:%Z /srv/app/packages/{name}") == made
    prepared("drift", "dev")
    shown = prepared("status", "dev", "-v").stdout
    assert f"web1  app  .venv     {name}" in shown, shown
    told = prepared.document("status", "dev")["status"]["web1"]["apps"]["app"]
    assert told["releases"][told["linked"]]["packages"] == {".venv": name}


def test_what_is_changed_by_hand_is_drift_and_a_deployment_installs_it_anew(prepared):
    deploy(prepared)
    [name] = installed(prepared)
    place = f"/srv/app/packages/{name}"
    prepared.on("web1", f"echo '# mine' >> {place}/lib/python3*/site-packages/greeting.py")
    assert f"changed: {place}" in prepared("drift", "dev", code=2).stderr
    prepared("deploy", "app", "--to", "dev")
    prepared("drift", "dev")
    assert prepared.on("web1", "/srv/app/current/.venv/bin/greeting") == "hello"
    assert installed(prepared) != [name]
    assert installed(prepared, "web2") == [name]


def test_a_failure_leaves_every_host_as_it_was_and_pins_nothing(prepared):
    version, _ = deploy(prepared)
    pids = [prepared.on(host, "systemctl show -p MainPID app") for host in ("web1", "web2")]
    there = installed(prepared)
    pinned = page(prepared)["pinned"]  # other tests may have left some
    lock(prepared, "1.1")
    file = prepared.root / "requirements.lock"
    file.write_text(file.read_text().replace("sha256:", "sha256:0000")[:-5] + "\n")
    _, result = deploy(prepared, code=1)
    assert "installing what 'requirements.lock' names failed with exit status 1" in result.stderr
    assert "HASH" in result.stderr.upper()
    assert [prepared.on(host, "systemctl show -p MainPID app") for host in ("web1", "web2")] == pids
    assert prepared.served() == {"web1": version, "web2": version}
    assert installed(prepared) == there
    assert prepared.on("web1", "ls -A /srv/app/packages").split() == there
    told = page(prepared)
    assert (told["pinned"], told["activating"]) == (pinned, None)


def test_a_rollback_goes_back_to_what_was_installed_for_it(prepared):
    old, _ = deploy(prepared)
    lock(prepared, "2.0", word="salut")
    deploy(prepared)
    assert len(installed(prepared)) == 2
    assert prepared.on("web2", "/srv/app/current/.venv/bin/greeting") == "salut"
    prepared("rollback", "dev", "app")
    assert prepared.served()["web2"] == old
    assert prepared.on("web2", "/srv/app/current/.venv/bin/greeting") == "hello"


def test_a_check_says_what_would_be_installed_and_a_missing_program_is_named_before_anything_is_touched(prepared):
    deploy(prepared)
    prepared.commit(note=str(time.time_ns()))
    said = prepared("deploy", "app", "--to", "dev", "--check", code=2)
    assert "before that each host has, or installs, .venv from requirements.lock" in said.stderr
    config = prepared.root / "cdconf.yml"
    config.write_text(config.read_text().replace("wheels: wheels,", "wheels: wheels, python: python3.99,"))
    before = json.dumps(prepared.served())
    result = prepared("deploy", "app", "--to", "dev", code=1)
    assert "python3.99, which is to install packages, isn't on this host" in result.stderr
    assert "(no host was touched)" in result.stderr
    assert json.dumps(prepared.served()) == before
