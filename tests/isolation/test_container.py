"""Somebody who isn't root and has an engine for containers: the commit's own code gets hold of no key there either."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from cdconf.isolation import container, shown, sight
from tests.conftest import git, write
from tests.isolation.thief import BUILD, SMOKE, THIEF

OPERATOR = 60991  # nobody's on any machine: none of the accounts', nor of systemd's
SOCKET = Path("/var/run/docker.sock")
TYPE = (
    THIEF
    + """
from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="mine",
    doc="Mine.",
    title="name",
    fields={"name": Field("string", "Its name."), "text": Field("any", "A text.", "")},
    example="mine: x",
    normalise=lambda fields, context: {**fields, "text": text},
)
"""
)
AGENT = "def observe(fields):\\n    return {}\\n\\n\\ndef apply(fields, difference):\\n    pass\\n"

pytestmark = [
    pytest.mark.hosts,  # it takes Docker's engine
    pytest.mark.skipif(os.geteuid() != 0 or not SOCKET.is_socket(), reason="takes root and Docker's engine"),
]


@pytest.fixture
def operator(agent):
    """Somebody's home, with keys of every kind and a project in it; and what runs a program as that one."""
    home = Path(tempfile.mkdtemp(prefix="cdconf-operator-"))
    root = home / "project"
    secret = {
        ".ssh/id_ed25519": "sesame\n",
        ".aws/credentials": "sesame\n",
        ".config/cdconf/keys/demo.cdconf-stage-manual": "sesame\n",
        ".config/cdconf/signers/demo": "sesame\n",
        "age.txt": "sesame\n",
    }
    write(home, secret)
    write(
        root,
        {
            "cdconf.yml": """
                project: demo
                groups: {web: [base]}
                apps:
                  shop: {groups: [web], path: /srv/shop, artifact: dist/shop-*.tar.gz, build: python thief.py}
            """,
            "roles/base/role.yml": "resources:\n  - mine: one\n",
            "roles/base/smoke/test_thief.py": SMOKE.replace("places.json", "roles/base/smoke/places.json"),
            "resources/mine/spec.py": TYPE.replace("places.json", "resources/mine/places.json"),
            "resources/mine/agent.py": AGENT.replace("\\n", "\n"),
            "inventories/dev/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
            ".gitignore": ".cdconf/\n",
            "thief.py": BUILD,
        },
    )
    write(root / ".cdconf", {"plan.key": "sesame\n", "secrets/dev.json": "sesame\n"})
    files = [str(home / one) for one in secret] + [str(root / ".cdconf/plan.key")]
    places = {"files": files, "sockets": [str(agent), str(SOCKET)], "folders": [str(home)], "controller": 1}
    for path in (".", "roles/base/smoke", "resources/mine"):
        (root / path / "places.json").write_text(json.dumps(places))
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    for path in (home, agent, *agent.parents[:1], *home.rglob("*")):
        os.chown(path, OPERATOR, OPERATOR)
    made = Operator(home, root, agent, files)
    yield made
    shutil.rmtree(home)


class Operator:
    """See `operator`."""

    def __init__(self, home, root, agent, files):
        self.home, self.root, self.files = home, root, files
        self.variables = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "USER": "operator",
            "SSH_AUTH_SOCK": str(agent),
            "CDCONF_AGE_IDENTITY": str(home / "age.txt"),
            "CDCONF_SIGNING_KEY_DIR": str(home / ".config/cdconf/keys"),
            "AWS_SECRET_ACCESS_KEY": "sesame",
            "CI_JOB_TOKEN": "sesame",
        }

    def start(self, *command, groups=None, **variables):
        """Starts a program as that user, who may use docker, and sees Python though it may lie in root's home."""
        started = []
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": self.root}
        options |= {"env": {**self.variables, **variables}, "user": OPERATOR, "group": OPERATOR}
        options |= {"extra_groups": [SOCKET.stat().st_gid] if groups is None else groups}

        def start():
            closed = sight.hidden([self.home, *sight.python_paths()])
            if closed:
                sight.show(closed, self.home)
            started.append(subprocess.Popen(command, **options))

        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
        return started[0]

    def run(self, *command, **about):
        process = self.start(*command, **about)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out


PROGRAM = str(Path(__file__).with_name("without_root.py"))


def test_builds_smoke_tests_and_types_get_hold_of_no_key(operator):
    before = {path: Path(path).read_bytes() for path in operator.files}
    program = operator.home / "program.py"
    shutil.copy(PROGRAM, program)
    program.chmod(0o644)
    told = json.loads(operator.run(sys.executable, str(program), str(operator.root)))
    assert told["built"] == {"isolated": True, "got": {}, "signed": True}
    assert told["tested"] == {"isolated": True, "passed": 2, "problem": None, "messages": []}
    assert told["compiled"] == {"isolated": True, "got": {}}
    assert {path: Path(path).read_bytes() for path in operator.files} == before
    assert not ours()


def ours():
    """Containers of that user's that are left."""
    listed = [
        "docker",
        "ps",
        "--all",
        "--quiet",
        "--filter",
        "label=cdconf.isolated",
        "--filter",
        f"label=cdconf.user={OPERATOR}",
    ]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()


ASKED = """
import subprocess, sys
from pathlib import Path
from cdconf.isolation import account
with account("test", [Path.cwd()]) as who:
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = who.start(["/bin/sh", "-c", sys.argv[1]], who.home, {"ODD": "a b\\n'c"}, **options)
    print(who.isolated, who.why or "-")
    print(process.communicate()[0], process.returncode, flush=True)
"""


def asked(operator, text, **about):
    first, _, rest = operator.run(sys.executable, "-c", ASKED, text, **about).partition("\n")
    return first, rest


def test_it_has_no_rights_a_place_of_its_own_and_its_variables(operator):
    text = 'grep -e NoNewPrivs -e CapEff -e CapBnd /proc/self/status; echo x >file && cat file; echo "$ODD"; exit 7'
    first, rest = asked(operator, text)
    assert first == "True -"
    assert rest.split("\n")[:-1] == [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "x",
        "a b",
        "'c",
        " 7",
    ]


def test_only_its_own_processes_and_no_abstract_socket_of_the_machine_are_there(operator):
    """Such as a session's D-Bus, which asks nobody but the kernel who somebody is."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"\0cdconf-test-{os.getpid()}")
    server.listen(1)
    try:
        program = f"import socket; socket.socket(socket.AF_UNIX).connect('\\0cdconf-test-{os.getpid()}')"
        _, rest = asked(operator, f"ls /proc | grep -c '^[0-9]'; python3 -c \"{program}\"")
    finally:
        server.close()
    assert int(rest.split()[0]) < 10
    assert "ConnectionRefusedError" in rest


def test_nothing_that_is_shown_can_be_changed(operator):
    tools = operator.home / "bin"
    tools.mkdir()
    os.chown(tools, OPERATOR, OPERATOR)
    path = f"{tools}:{operator.home}:{os.environ['PATH']}"
    first, rest = asked(operator, f"ls {operator.home}; echo x >{tools}/git; ls {operator.home}/.ssh", PATH=path)
    assert first == "True -"
    assert rest.split("\n")[0] == "bin"
    assert "Read-only file system" in rest
    assert "No such file" in rest
    assert list(tools.iterdir()) == []


def test_a_key_where_programs_are_shown_keeps_it_from_being_called_isolated(operator):
    tools = operator.home / "bin"
    write(tools, {"key": "sesame\n"})
    for path in (tools, tools / "key"):
        os.chown(path, OPERATOR, OPERATOR)
    (tools / "key").chmod(0o600)
    first, _ = asked(operator, "true", PATH=f"{tools}:{os.environ['PATH']}", CDCONF_SIGNING_KEY=str(tools / "key"))
    assert first.startswith("False ")
    assert f"the container would show {tools}/key" in first


def test_without_an_engine_nothing_is_isolated_and_why_is_known(operator):
    first, _ = asked(operator, "true", groups=[])
    assert first.startswith(
        "False only root can run something as another user, and no container can be made: docker says: "
    )
    assert "permission denied" in first
    assert asked(operator, "true", CDCONF_ISOLATION="off")[0] == "False CDCONF_ISOLATION is off"


def test_a_controller_that_is_killed_takes_the_container_with_it(operator):
    """Whatever runs in there, and however much it minds."""
    stubborn = "trap '' TERM HUP INT; while :; do setsid sh -c 'trap \"\" TERM HUP; sleep 1000' & sleep 0.2; done"
    controller = operator.start(sys.executable, "-c", ASKED, stubborn)
    try:
        until(lambda: any("sleep 1000" in one for one in command_lines()))
    finally:
        os.kill(controller.pid, signal.SIGKILL)
        controller.communicate()
    until(lambda: not any("sleep 1000" in one for one in command_lines()))
    until(lambda: not ours())


def until(happens):
    """Waits for something; a container takes a moment to start and to end."""
    end = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.1)


def command_lines():
    """Of that user's processes."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == OPERATOR:
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


def test_an_engine_that_hangs_or_is_elsewhere_gives_none(tmp_path, monkeypatch):
    engine = tmp_path / "docker"
    engine.write_text("#!/bin/sh\nexec sleep 100\n")
    engine.chmod(0o755)
    monkeypatch.setattr(container, "_PATIENCE", 0.2)
    monkeypatch.setenv("PATH", str(tmp_path) + ":/usr/bin:/bin")
    (tmp_path / "home").mkdir()
    assert container.container_for(tmp_path, tmp_path / "home", [])[1] == "docker doesn't answer"
    answers = 'image) ;; run) echo up; cat ;; exec) touch "${12}"; echo {\\"token\\": \\"x\\", \\"seen\\": []} ;;'
    engine.write_text(f"#!/bin/sh\ncase $1 in {answers} esac\n")
    monkeypatch.setattr(container, "_PATIENCE", 30)
    reason = "docker's engine has other files than this machine"
    assert container.container_for(tmp_path, tmp_path / "home", []) == (None, reason)


def test_directories_that_hold_more_than_programs_are_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("PATH", f"/usr/bin:/run:/etc/ssh:/:{tmp_path}:{tmp_path}/me/bin:{tmp_path}/me")
    (tmp_path / "me/bin").mkdir(parents=True)
    arguments = shown.mounts(tmp_path / "account", tmp_path / "account/home", [])
    sources = [one.split('"')[1].removeprefix("source=") for one in arguments if one.startswith("type=bind")]
    assert str(tmp_path / "me/bin") in sources
    assert not {"/", "/run", "/etc/ssh", str(tmp_path), str(tmp_path / "me")} & set(sources)
