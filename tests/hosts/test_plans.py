"""Plans that are saved, and applied exactly or not at all, on real hosts."""

import hashlib
import json
import stat
import subprocess
from pathlib import Path

import pytest

from tests.conftest import cdconf, write
from tests.hosts.live import provisioned
from tests.inside import inside

pytestmark = pytest.mark.hosts

FILES = {
    "cdconf.yml": "project: plans\nlease: {ttl: 8s}\ngroups:\n  db: [data]\n  web: [base]\n",
    "inventories/dev/hosts.yml": """
        provider: docker
        hosts:
          web1: {groups: [web]}
          web2: {groups: [web]}
          db1: {groups: [db]}
    """,
    "roles/base/role.yml": """
        variables:
          password: {secret: {generate: 12}}
          level: {type: integer, default: 1, doc: of something}
        resources:
          - file: /etc/planned.conf
            content: "level={{ level }}\\n"
            notify: tell
          - file: /etc/planned.secret
            content: "password={{ password }}\\n"
            mode: "0600"
          - file: /etc/kept.conf
            content: "kept\\n"
        handlers:
          tell: {command: "echo told >> /root/told"}
    """,
    "roles/data/role.yml": """
        resources:
          - file: /etc/data.conf
            content: "data\\n"
    """,
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with provisioned(tmp_path_factory.mktemp("plans"), FILES) as one:
        yield one


@pytest.fixture(autouse=True)
def settled(fleet):
    """Every test begins with hosts that are as the files say."""
    write(fleet.root, FILES)
    fleet("provision", "dev")
    (fleet.root / "p.json").unlink(missing_ok=True)


def container(root, host):
    checkout = (root / ".cdconf/checkout").read_text().strip()
    return f"cdconf-plans-dev-{host}-{checkout}"


def level(fleet, number):
    path = fleet.root / "roles/base/role.yml"
    path.write_text(path.read_text().replace("default: 1", f"default: {number}"))


def applied(fleet):
    return {host: fleet.on(host, "cat /etc/planned.conf") for host in ("web1", "web2")}


def moved(fleet, code=3):
    """What the refusal says."""
    done = cdconf(fleet.root, "provision", "dev", "--plan", "p.json", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["error"]["kind"] == ("plan_moved" if code == 3 else "unreachable")
    return {one["what"]: one["hosts"] for one in found.get("moved", [])}


def test_what_was_read_is_what_is_applied(fleet):
    level(fleet, 2)
    fleet("plan", "dev", "--out", "p.json", code=2)
    result = fleet("provision", "dev", "--plan", "p.json")
    assert applied(fleet) == {"web1": "level=2", "web2": "level=2"}
    assert "differently" not in result.stderr
    assert fleet("plan", "dev").stdout.count("changed=0") == 3


def test_the_file_is_private_and_holds_no_secret_in_any_form(fleet):
    secret = json.loads((fleet.root / ".cdconf/environments/dev/secrets.json").read_text())["password"]
    fleet.on("web1", "rm /etc/planned.secret")
    fleet("plan", "dev", "--out", "p.json", code=2)
    path = fleet.root / "p.json"
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret not in text
    guesses = [secret, f"password={secret}\n", json.dumps({"content": f"password={secret}\n"})]
    for guess in guesses:
        for name in ("sha256", "sha1", "md5", "blake2b", "sha512"):
            assert hashlib.new(name, guess.encode()).hexdigest()[:32] not in text
    # The same content has other marks on another host: the key is the host's own.
    hosts = json.loads(text)["hosts"]
    marks = [
        next(one["wanted"] for one in hosts[name]["resources"] if one["title"] == "/etc/kept.conf")
        for name in ("web1", "web2")
    ]
    assert marks[0] != marks[1]


def test_files_that_have_moved_on_are_named_with_role_and_line(fleet):
    assert "`cdconf provision dev --plan p.json` applies it" in fleet("plan", "dev", "--out", "p.json").stderr
    said = fleet("plan", "dev", "--out", "/dev/null").stderr
    assert "the plan was written to /dev/null, digest " in said
    assert "applies it" not in said
    assert Path("/dev/null").is_char_device()
    level(fleet, 3)
    found = moved(fleet)
    assert found == {
        "the files want something else of file /etc/planned.conf [roles/base/role.yml:5]": ["web1", "web2"],
        "handler tell is new [roles/base/role.yml:14]": ["web1", "web2"],
    }
    assert applied(fleet)["web1"] == "level=1"


def test_a_resource_that_came_or_went_and_a_handler_that_does_something_else(fleet):
    level(fleet, 2)
    fleet("plan", "dev", "--out", "p.json", code=2)
    path = fleet.root / "roles/base/role.yml"
    path.write_text(path.read_text().replace("/etc/kept.conf", "/etc/other.conf").replace("echo told", "echo TOLD"))
    found = moved(fleet)
    assert "file /etc/other.conf is new [roles/base/role.yml:11]" in found
    assert any(text.startswith("the files want something else of handler tell") for text in found)
    assert fleet.on("web1", "cat /root/told 2>/dev/null | grep -c TOLD") == "0"


def test_a_comment_is_no_move(fleet):
    level(fleet, 2)
    fleet("plan", "dev", "--out", "p.json", code=2)
    path = fleet.root / "roles/base/role.yml"
    path.write_text("# only a comment\n" + path.read_text())
    fleet("provision", "dev", "--plan", "p.json")
    assert applied(fleet)["web2"] == "level=2"


def test_a_host_that_was_changed_by_hand_stops_the_plan_for_all(fleet):
    level(fleet, 2)
    fleet("plan", "dev", "--out", "p.json", code=2)
    fleet.on("web2", "echo by-hand > /etc/kept.conf; echo level=99 > /etc/planned.conf")
    assert moved(fleet) == {
        "the host has moved: file /etc/kept.conf was `as it should be`, and is `would change`": ["web2"],
        "the host has moved: file /etc/planned.conf differs in another way than it did": ["web2"],
    }
    assert applied(fleet) == {"web1": "level=1", "web2": "level=99"}


def test_a_secret_that_was_changed_on_the_host_is_seen_though_it_is_never_shown(fleet):
    fleet.on("web1", "echo wrong > /etc/planned.secret")
    fleet("plan", "dev", "--out", "p.json", code=2)
    fleet.on("web1", "echo wronger > /etc/planned.secret")
    assert moved(fleet) == {"the host has moved: file /etc/planned.secret differs in another way than it did": ["web1"]}


def test_a_plan_is_applied_once(fleet):
    level(fleet, 2)
    fleet("plan", "dev", "--out", "p.json", code=2)
    fleet("provision", "dev", "--plan", "p.json")
    found = moved(fleet)
    assert next(iter(found.values())) == ["web1", "web2"]


def test_a_host_that_does_not_answer_stops_the_plan_for_all(fleet):
    level(fleet, 2)
    fleet("plan", "dev", "--out", "p.json", code=2)
    systemctl = [*inside(container(fleet.root, "db1")), "systemctl"]
    subprocess.run([*systemctl, "stop", "ssh.service"], check=True)
    try:
        done = cdconf(fleet.root, "provision", "dev", "--plan", "p.json")
    finally:
        subprocess.run([*systemctl, "start", "ssh.service"], check=True)
    assert done.returncode == 4, done.stderr
    assert "error: db1: " in done.stderr
    assert "nothing was changed on any" in done.stderr
    assert applied(fleet)["web1"] == "level=1"


def test_a_host_that_is_cut_off_stops_the_plan_for_all(fleet):
    level(fleet, 2)
    fleet("plan", "dev", "--out", "p.json", code=2)
    name = container(fleet.root, "db1")
    form = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}"
    inspect = ["docker", "inspect", "--format", form, name]
    network = subprocess.run(inspect, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["docker", "network", "disconnect", network, name], check=True)
    try:
        (text,) = moved(fleet)
    finally:
        subprocess.run(["docker", "network", "connect", "--alias", "db1", network, name], check=True)
    assert text.startswith("the host has gone: the host is cut off")
    assert applied(fleet)["web1"] == "level=1"


def test_a_host_that_has_gone_or_was_made_anew_stops_the_plan(fleet):
    fleet("plan", "dev", "--out", "p.json")
    subprocess.run(["docker", "rm", "-f", container(fleet.root, "db1")], check=True, capture_output=True)
    assert moved(fleet) == {"the host has gone: the host doesn't exist": ["db1"]}
    done = cdconf(fleet.root, "plan", "dev", "--out", "q.json")
    assert (done.returncode, "no plan was written to q.json: db1" in done.stderr) == (1, True)
    assert not (fleet.root / "q.json").exists()
    fleet("provision", "dev")
    assert moved(fleet) == {"this isn't the host that was planned, or it was made anew": ["db1"]}


def test_hosts_that_came_or_went_in_the_files(fleet):
    fleet("plan", "dev", "--out", "p.json")
    path = fleet.root / "inventories/dev/hosts.yml"
    path.write_text(path.read_text().replace("db1:", "db2:"))
    assert moved(fleet) == {
        "host db2 is new in the files": ["db2"],
        "host db1 is no longer in the files": ["db1"],
    }


def test_a_plan_for_some_hosts_touches_no_others(fleet):
    level(fleet, 2)
    fleet("plan", "dev", "--limit", "web2", "--out", "p.json", code=2)
    fleet("provision", "dev", "--plan", "p.json")
    assert applied(fleet) == {"web1": "level=1", "web2": "level=2"}


def test_a_plan_that_prunes_is_applied_with_pruning(fleet):
    path = fleet.root / "roles/base/role.yml"
    path.write_text(path.read_text().replace('  - file: /etc/kept.conf\n    content: "kept\\n"\n', ""))
    fleet("plan", "dev", "--prune", "--out", "p.json", code=2)
    fleet("provision", "dev", "--plan", "p.json")
    assert fleet.on("web1", "ls /etc/kept.conf 2>/dev/null") == ""


def test_what_turns_out_differently_is_said_without_a_plan_file_too(fleet):
    level(fleet, 2)
    fleet("plan", "dev", code=2)
    fleet.on("web1", "echo level=2 > /etc/planned.conf")
    fleet.on("web2", "echo by-hand > /etc/kept.conf")
    result = json.loads(fleet("provision", "dev", "--json").stdout)
    assert {(one["host"], one["title"], one["planned"], one["actual"]) for one in result["differently"]} == {
        ("web1", "/etc/planned.conf", "would_change", "ok"),
        ("web2", "/etc/kept.conf", None, "changed"),
    }
    level(fleet, 1)
    assert "differently" not in json.loads(fleet("provision", "dev", "--json").stdout)


def test_what_was_unknown_and_changed_is_said_after_a_saved_plan(fleet):
    path = fleet.root / "roles/base/role.yml"
    text = path.read_text().replace(
        "handlers:",
        "  - directory: /srv/planned\n  - user: planned\n  - group: planning\n"
        "  - user: planner\n    group: planning\nhandlers:",
    )
    path.write_text(text)
    result = json.loads(fleet("plan", "dev", "--limit", "web1", "--out", "p.json", "--json", code=2).stdout)
    unknown = [one["title"] for one in result["hosts"]["web1"]["resources"] if one["status"] == "unknown"]
    assert unknown == ["planner"]
    done = fleet("provision", "dev", "--plan", "p.json")
    assert "differently from the plan: web1: user planner was changed; the plan couldn't know" in done.stderr
    fleet.on("web1", "userdel planner; userdel -r planned; groupdel planning; rm -rf /srv/planned")
    write(fleet.root, FILES)
    fleet("provision", "dev", "--prune")
