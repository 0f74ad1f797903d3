"""A throw-away copy of production on real hosts: made without a file, used like any environment, gone when it's due."""

import json
import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from tests.conftest import CDCONF, begun, cdconf, git, write
from tests.hosts.live import Live

pytestmark = pytest.mark.hosts

FILES = {
    "cdconf.yml": """
        project: thrown
        lease: {ttl: 8s}
        groups: {web: [app], db: [base]}
        apps:
          app:
            groups: [web]
            build: mkdir -p dist && tar -czf "dist/app-$CDCONF_VERSION.tar.gz" page
            artifact: dist/app-*.tar.gz
            path: /srv/app
    """,
    "inventories/production/hosts.yml": """
        ssh: {address: 127.0.0.1, port: 9}    # nobody answers there
        hosts:
          web1: {address: 192.0.2.11, groups: [web], os: debian-12}
          web2: {address: 192.0.2.12, groups: [web], os: debian-12}
          db1: {address: 192.0.2.20, groups: [db], os: debian-12}
    """,
    "inventories/production/group_vars/all.yml": "server_name: shop.example.com\nbanner: production\n",
    "inventories/production/throwaway.yml": 'banner: "{{ environment.name }}"\n',
    "roles/base/role.yml": "resources:\n  - directory: /srv/db\n",
    "roles/app/role.yml": """
        variables:
          server_name: {type: string, per_environment: true, doc: its name}
          banner: {type: string, per_environment: true, doc: where people are}
          password: {secret: {generate: 16}, doc: made}
        resources:
          - directory: /srv/app
          - file: /etc/app.conf
            content: "{{ server_name }} {{ banner }}\\n"
          - file: /etc/app.secret
            content: "{{ password }}\\n"
            mode: "0600"
            sensitive: true
    """,
    "roles/app/smoke/test_app.py": """
        def test_its_name_is_there(host):
            assert host.file("/etc/app.conf").exists
    """,
    "page": "hello\n",
    ".gitignore": ".cdconf/\ndist/\n",
}
COPY = ["provision", "--copy-of", "production", "--scale", "web=1", "--scale", "db=0", "-e", "server_name=a.test"]


@pytest.fixture(scope="module")
def thrown(tmp_path_factory):
    root = write(tmp_path_factory.mktemp("thrown"), FILES)
    git(root, "init", "-q")
    one = Live(root)
    try:
        yield one
    finally:
        for path in root.glob(".cdconf/throwaway/*"):
            cdconf(root, "destroy", path.name, "--yes")
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def copy(thrown):
    """The project with `try-1`, on which the app runs."""
    thrown(*COPY, "--name", "try-1", "--ttl", "2h")
    thrown.version = thrown.commit()
    thrown("deploy", "app", "--to", "try-1")
    return thrown


def containers(live, name):
    """Ids of all containers of an environment, and of its networks."""
    checkout = (live.root / ".cdconf/checkout").read_text().strip()
    labels = [f"--filter=label=cdconf.{key}" for key in (f"checkout={checkout}", f"environment={name}")]
    found = []
    for command in (["docker", "ps", "-aq"], ["docker", "network", "ls", "-q"]):
        result = subprocess.run([*command, *labels], check=True, capture_output=True, text=True, timeout=30)
        found.append(result.stdout.split())
    return found


def listed(live, *flags, code=0):
    return live.document("environments", *flags, code=code)["environments"]


def expire(live, name):
    path = live.root / f".cdconf/throwaway/{name}/lifetime.yml"
    path.write_text(path.read_text().partition("\n")[0] + "\nexpires: 2020-01-01T00:00:00Z\n")


def left(live, name):
    """Whatever there still is of an environment, but for its history."""
    files = [path for path in (live.root / ".cdconf").rglob("*") if name in (path.name, path.stem)]
    return [*files, *containers(live, name)[0], *containers(live, name)[1]]


def kill(process):
    process.kill()
    process.communicate(timeout=30)


def test_every_command_knows_it(copy):
    said = copy("ssh", "try-1", "web1", "--", "cat /etc/app.conf").stdout.strip()
    assert said == "a.test try-1"
    assert copy.document("status", "try-1")["status"]["web1"]["apps"]["app"]["linked"].startswith(copy.version)
    for verb in (["smoke"], ["drift"], ["plan"], ["lock", "status"], ["vars"]):
        copy(*verb, "try-1", *(["web1"] if verb == ["vars"] else []))
    copy("parity", "try-1", "production", "--desired-only")
    copy("plan", "try-1", "--from", "HEAD", "--to", ".")
    words = cdconf(copy.root, _CDCONF_COMPLETE="bash_complete", COMP_WORDS="cdconf ssh try-1 w", COMP_CWORD="3")
    assert "web1" in words.stdout
    words = cdconf(copy.root, _CDCONF_COMPLETE="bash_complete", COMP_WORDS="cdconf deploy app --to t", COMP_CWORD="4")
    assert "try-1" in words.stdout


def test_a_second_run_changes_nothing_and_keeps_its_secrets(copy):
    secret = (copy.root / ".cdconf/environments/try-1/secrets.json").read_text()
    ends = listed(copy)["try-1"]["expires"]
    document = copy.document("provision", "try-1")
    assert document["hosts"]["web1"]["status"] == "ok"
    assert document["throwaway"]["expires"] == ends
    assert copy.document(*COPY, "--name", "try-1", "--ttl", "4h")["throwaway"]["expires"] > ends
    assert copy.document("provision", "try-1", "--ttl", "3h")["throwaway"]["copy_of"] == "production"
    assert (copy.root / ".cdconf/environments/try-1/secrets.json").read_text() == secret
    assert len(containers(copy, "try-1")[0]) == 1


def test_it_follows_what_it_copies(copy):
    path = copy.root / "roles/app/role.yml"
    before = path.read_text()
    path.write_text(before + "  - file: /etc/more\n    content: more\n")
    assert copy.document("plan", "try-1", code=2)["hosts"]["web1"]["changed"] == 1
    path.write_text(before)


def test_all_environments_are_listed_with_what_runs_there(copy):
    write(copy.root, {"inventories/broken/hosts.yml": "hostss: {}\n"})
    try:
        found = listed(copy, code=1)
        table = copy("environments", code=1)
    finally:
        shutil.rmtree(copy.root / "inventories/broken")
    assert (found["try-1"]["running"], found["try-1"]["wanted"]) == (1, 1)
    assert found["try-1"]["runs"]["app"]["version"] == copy.version
    assert found["try-1"]["expires"] > datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "unknown key 'hostss'" in found["broken"]["error"]
    assert "inventories/broken/hosts.yml:1" in table.stderr
    assert f"app {copy.version}" in table.stdout
    assert found["production"]["provider"] == "existing"


def test_hosts_are_asked_what_they_run(copy):
    document = copy.document("environments", "--live", code=4)["environments"]
    (release,) = document["try-1"]["runs"]["app"]["releases"]
    assert release["hosts"] == ["web1"]
    assert release["release"].startswith(copy.version)


def test_one_in_use_is_left_alone_and_named_though_its_time_is_over(copy):
    expire(copy, "try-1")
    assert "is over since" in copy("provision", "try-1").stderr
    # Without what `lock take` lends to what it starts, this is somebody else.
    somebody = ["env", "-u", "CDCONF_LEASE", *CDCONF, "destroy", "--expired"]
    result = copy("lock", "take", "try-1", "--reason", "a test run", "--", *somebody, code=3)
    assert "try-1: its time is over, but it's in use" in result.stderr
    assert "a test run" in result.stderr
    assert copy("ssh", "try-1", "web1", "--", "cat /etc/app.conf").stdout.strip() == "a.test try-1"


def test_one_whose_host_is_paused_or_refuses_may_be_in_use(copy):
    expire(copy, "try-1")
    (container,), _ = containers(copy, "try-1")
    subprocess.run(["docker", "pause", container], check=True, capture_output=True, timeout=30)
    try:
        result = copy("destroy", "--expired", code=4)
    finally:
        subprocess.run(["docker", "unpause", container], check=True, capture_output=True, timeout=30)
    assert "web1: can't be asked whether a run is at work there: the host doesn't run" in result.stderr
    identity = "/var/lib/cdconf/thrown/identity.json"
    copy("ssh", "try-1", "web1", "--", f"sed -i s/try-1/other/ {identity}")
    assert "can't be asked" in copy("destroy", "--expired", code=1).stderr
    copy("ssh", "try-1", "web1", "--", f"sed -i s/other/try-1/ {identity}")


def test_a_destroy_that_was_killed_is_ended_by_the_next_one(copy):
    expire(copy, "try-1")
    kill(copy.begun("destroy", "try-1", "--yes", until="removing web1"))
    assert "try-1" in listed(copy)
    document = copy.document("destroy", "--expired")
    assert list(document["removed"]) == ["try-1"]
    assert left(copy, "try-1") == []
    quiet = copy("destroy", "--expired")
    assert (quiet.stdout, quiet.stderr) == ("", "")
    history = copy.document("history", "try-1")["runs"]
    assert history[0]["command"] == "destroy"
    assert copy("status", "try-1", code=1).stderr.startswith("error: there is no environment 'try-1'")


def test_a_provision_that_was_killed_is_ended_by_two_that_begin_at_once_and_so_is_its_end(thrown):
    kill(thrown.begun(*COPY, "--name", "try-2", until="making 1 host:"))
    assert "try-2" in listed(thrown)
    both = [start(thrown, *COPY, "--name", "try-2") for _ in range(2)]
    said = [one.communicate(timeout=120)[0] for one in both]
    codes = sorted(one.returncode for one in both)
    assert codes in ([0, 0], [0, 3]), said
    hosts, networks = containers(thrown, "try-2")
    assert (len(hosts), len(networks)) == (1, 1), said
    thrown("ssh", "try-2", "web1", "--", "true")
    expire(thrown, "try-2")
    both = [start(thrown, "destroy", "--expired", "--json") for _ in range(2)]
    said = [one.communicate(timeout=120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sorted(len(json.loads(text)["removed"]) for text in said) == [0, 1], said
    assert left(thrown, "try-2") == []


def start(live, *arguments):
    return begun(
        live.root, *arguments, stdout=subprocess.PIPE, stderr=None if "--json" in arguments else subprocess.STDOUT
    )
