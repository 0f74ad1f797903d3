"""What people do by hand on real hosts: run, ssh, logs."""

import json
import random
import re
import shlex
import signal
import subprocess
import threading
import time

import jsonschema
import pytest

from cdconf.agent.edit import env_file
from cdconf.authoring.schemas import schema
from cdconf.resources.discovery import Types
from tests.agent.test_env_file import READ
from tests.conftest import CDCONF, begun, cdconf
from tests.hosts.live import eventually
from tests.hosts.test_main_job import container, deployed
from tests.inside import inside
from tests.terminal import Terminal, wrapped

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]


@pytest.fixture(scope="module", autouse=True)
def provisioned(live):
    live("provision", "dev")


@pytest.fixture
def start(live):
    """Starts cdconf in the background; it's killed after a minute, so that nobody waits for its output for ever."""
    started = []

    def begin(*arguments):
        process = begun(live.root, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        timer = threading.Timer(60, process.kill)
        timer.start()
        started.append((process, timer))
        return process

    yield begin
    for process, timer in started:
        timer.cancel()
        process.kill()
        process.communicate()


def test_run_keeps_hosts_and_streams_apart(live):
    result = live("run", "dev", "--", "echo out; echo err >&2")
    assert sorted(result.stdout.splitlines()) == ["web1: out", "web2: out"]
    assert sorted(result.stderr.splitlines()) == ["web1: err", "web2: err"]


def test_run_shows_lines_as_they_are_printed(live, start):
    process = start("run", "dev", "--limit", "web1", "--", "echo first; sleep 3; echo last")
    assert process.stdout.readline() == "web1: first\n"
    assert process.poll() is None
    assert process.communicate(timeout=30)[0] == "web1: last\n"


def test_run_takes_words_one_line_users_and_stdin(live):
    assert live("run", "dev", "--limit", "web1", "--", "echo", "a  b", "-n").stdout == "web1: a  b -n\n"
    assert live("run", "dev", "--limit", "web1", "--user", "www-data", "--", "id -un").stdout == "web1: www-data\n"
    command = [*CDCONF, "run", "dev", "--stdin", "--", "cat"]
    result = subprocess.run(command, cwd=live.root, input="x\ny\n", capture_output=True, text=True, check=True)
    assert sorted(result.stdout.splitlines()) == ["web1: x", "web1: y", "web2: x", "web2: y"]


def test_run_fails_when_one_host_fails_and_json_says_how(live):
    line = 'test "$(hostname)" = web1 || { echo no >&2; exit 7; }'
    assert "! web2: failed: exit status 7" in live("run", "dev", "--", line, code=1).stderr
    document = json.loads(live("run", "dev", "--json", "--", line, code=1).stdout)
    assert document["output"]["web1"] == {"status": 0, "stdout": "", "stderr": ""}
    assert document["output"]["web2"] == {"status": 7, "stdout": "", "stderr": "no\n"}
    assert [document["hosts"][name]["status"] for name in ("web1", "web2")] == ["ok", "failed"]
    assert document["error"] is None


def test_documents_match_their_schema(live):
    validator = jsonschema.Draft202012Validator(schema("output", Types()))
    for arguments in [
        ["provision"],
        ["plan", "-v"],
        ["status"],
        ["logs", "-n", "2"],
        ["drift", "-v"],
        ["lock", "status"],
    ]:
        verb, *flags = arguments
        subverb = flags.pop(0) if verb == "lock" else None
        document = live.document(verb, *filter(None, [subverb]), "dev", *flags)
        validator.validate(document)
        assert document["hosts"] or verb == "lock"


def test_a_misspelt_option_is_not_run_as_a_command(live):
    assert "did you mean '--limit'?" in live("run", "dev", "--limt", "web1", "--", "id", code=1).stderr
    assert "goes behind `--`" in live("run", "dev", "ls", "-l", code=1).stderr


def test_run_is_recorded_with_its_command(live):
    live("run", "dev", "--limit", "web1", "--", "echo recorded")
    newest = json.loads(live("history", "dev", "--limit", "1", "--json").stdout)["runs"][0]
    assert (newest["command"], newest["detail"], list(newest["hosts"])) == ("run", "echo recorded", ["web1"])


def test_ctrl_c_ends_the_command_on_the_hosts(live, start):
    process = start("run", "dev", "--", "echo started; exec sleep 4321")
    assert "started" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, "every host was told to end the command" in errors) == (130, True)
    assert live("run", "dev", "--", "! pgrep -f [s]leep.4321").stdout == ""
    assert not any(live.document("lock", "status", "dev")["leases"].values())


def test_an_unreachable_host_is_4_and_the_others_answer(live):
    subprocess.run(["docker", "stop", "-t", "1", container(live, "web2")], check=True, capture_output=True)
    try:
        assert live("run", "dev", "--", "echo here", code=4).stdout == "web1: here\n"
        assert "web2: unreachable" in live("logs", "dev", code=4).stderr
        assert "doesn't run" in live("ssh", "dev", "web2", "--", "true", code=4).stderr
        live("run", "dev", "--", "exit 3", code=1)
    finally:
        live("provision", "dev")


def test_ssh_gives_the_commands_own_exit_code_and_words(live):
    assert cdconf(live.root, "ssh", "dev", "web1", "--", "exit 7").returncode == 7
    assert live("ssh", "dev", "web1", "--", "echo", "a  b", "-n").stdout == "a  b -n\n"
    assert live("ssh", "dev", "web1", "--tty", "--", "tty").stdout.startswith("/dev/pts/")
    newest = json.loads(live("history", "dev", "--limit", "1", "--json").stdout)["runs"][0]
    assert (newest["command"], newest["detail"]) == ("ssh", "tty")


def test_ssh_wants_one_host_by_its_name(live):
    assert "the group web has web1, web2" in live("ssh", "dev", "web", code=1).stderr
    assert "did you mean 'web1'?" in live("ssh", "dev", "web11", code=1).stderr


def test_ssh_refuses_a_host_whose_key_is_not_the_known_one(live):
    known = live.root / ".cdconf/environments/dev/known_hosts"
    line = live("ssh", "dev", "web1", "--", "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub").stdout.strip()
    live("ssh", "dev", "web1", "--", "ssh-keygen -q -t ed25519 -N '' -f /root/other; systemctl restart ssh")
    live("ssh", "dev", "web1", "--", "cp -a /etc/ssh/ssh_host_ed25519_key /root/kept")
    assert line in known.read_text()
    live("ssh", "dev", "web1", "--", "cp /root/other /etc/ssh/ssh_host_ed25519_key && systemctl restart ssh")
    try:
        assert "web1: unreachable" in live("ssh", "dev", "web1", "--", "true", code=4).stderr
    finally:
        name = container(live, "web1")
        mend = "cp -a /root/kept /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh"
        subprocess.run([*inside(name), "sh", "-c", mend], check=True)
    live("ssh", "dev", "web1", "--", "true")


def test_logs_are_ordered_by_time_and_follow_until_ctrl_c(live, start):
    for number in range(3):
        for host in ("web1", "web2"):
            live("ssh", "dev", host, "--", f"systemd-run -q --unit note --wait echo line {number}")
    lines = live("logs", "dev", "--unit", "note").stdout.splitlines()
    said = [(line[:4], line.rpartition("line ")[2]) for line in lines if "echo[" in line]
    assert said == [(host, str(number)) for number in range(3) for host in ("web1", "web2")]
    document = live.document("logs", "dev", "--unit", "note", "--since", "5m", "--limit", "web2")
    assert {one["host"] for one in document["lines"]} == {"web2"}
    assert {one["unit"] for one in document["lines"]} == {"note.service"}
    assert [one["message"] for one in document["lines"] if one["identifier"] == "echo"][-1] == "line 2"
    process = start("logs", "dev", "--unit", "note", "-n", "1", "--follow")
    shown = [process.stdout.readline() for _ in range(2)]
    assert {line[:4] for line in shown} == {"web1", "web2"}
    live("ssh", "dev", "web2", "--", "systemd-run -q --unit note --wait echo live")
    while "live" not in (line := process.stdout.readline()):
        assert line, process.stderr.read()
    assert line.startswith("web2: ")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    time.sleep(0.5)
    assert live("run", "dev", "--", "! pgrep journalctl").stdout == ""


def test_logs_of_apps_and_mistakes(live):
    assert live("logs", "dev", "--app", "app", "-n", "0").stdout == ""
    assert "did you mean 'app'?" in live("logs", "dev", "--app", "apps", code=1).stderr
    assert "exclude each other" in live("logs", "dev", "--app", "app", "--unit", "x", code=1).stderr
    assert "Failed to parse timestamp" in live("logs", "dev", "--since", "soon", code=1).stderr
    live("logs", "dev", "--follow", "--json", code=1)


def ageless(lines):
    """The rows, sorted, whatever age they tell: a second goes by between two commands."""
    return sorted(re.sub(r" {2,}", "  ", re.sub(r"\b\d+ (s|min|h)\b", "AGE", line)) for line in lines if line)


@pytest.mark.parametrize("columns", [80, 130])
@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "dev"],
        ["lock", "status", "dev"],
        ["environments", "--live"],
        ["run", "dev", "--", "seq 40"],
    ],
    ids=" ".join,
)
def test_a_terminal_shows_every_row(live, arguments, columns):
    plain = live(*arguments)
    terminal = Terminal(live.root, *arguments, columns=columns)
    assert terminal.end() == 0
    wanted = [line for line in wrapped(plain.stdout + plain.stderr, columns) if line]
    assert wanted
    assert ageless(terminal.lines()) == ageless(wanted)


def test_following_ends_when_nobody_reads_any_more(live):
    live("ssh", "dev", "web1", "--", "systemd-run -q --unit ticks sh -c 'while sleep 0.2; do echo tick; done'")
    line = f"set -o pipefail; {shlex.join(CDCONF)} logs dev --unit ticks --follow | head -n 4"
    done = subprocess.run(["bash", "-c", line], cwd=live.root, capture_output=True, text=True, check=False, timeout=60)
    live("ssh", "dev", "web1", "--", "systemctl stop ticks")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 4), done.stderr


ENVIRONMENT_OF = """
import json, random, subprocess, sys
known = ("PATH", "LANG", "LC_ALL", "INVOCATION_ID", "SYSTEMD_EXEC_PID", "JOURNAL_STREAM")
found = []
for text in json.load(sys.stdin):
    with open("/run/env-file", "wb") as stream:
        stream.write(text.encode())
    argv = ["systemd-run", "--wait", "--pipe", "-q", "-p", "EnvironmentFile=/run/env-file", "/usr/bin/env", "-0"]
    said = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout.decode()
    pairs = dict(one.split("=", 1) for one in said.split("\\0") if one)
    found.append({name: pairs[name] for name in pairs if name not in known})
print(json.dumps([found, subprocess.check_output(["systemctl", "--version"]).decode()]))
"""
PIECES = [
    *"AB=\\\"'#; \t\n\n\n$`ab1_",
    "A=",
    "\nB=",
    '\nC="',
    "\\\n",
    "\r\n",
    "\\\r\n",
    "\xa0",
    "\u2028",
    "\x0b",
    "\x0c",
]
PIECES += ["\x85", "ü", "export ", "# c \\\n", "\ufeff", "'\n", '"\n', "=\n"]


def test_an_environment_file_is_read_as_the_host_s_systemd_reads_it(live):
    drawn = random.Random(20)
    written = ["".join(drawn.choices(PIECES, k=drawn.randint(2, 30))) for _ in range(30)]
    texts = [text for text, _ in READ] + written
    argv = [*inside(live.container("web1")), "python3", "-c", ENVIRONMENT_OF]
    said = subprocess.run(
        argv, input=json.dumps(texts).encode(), stdout=subprocess.PIPE, check=True, timeout=120
    ).stdout
    found, version = json.loads(said)
    goes_on = int(version.split()[1]) < env_file.COMMENTS_END
    assert found == [env_file.parse(text, goes_on) for text in texts]
    assert sum(map(len, found[len(READ) :])) > 10


def test_a_command_runs_in_the_release_as_the_app_does(live, deployed):
    """Also on a terminal, where systemd starts it as it starts the app's services."""
    config = live.root / "cdconf.yml"
    text = config.read_text()
    for host in ("web1", "web2"):
        live.on(host, "echo 'MOOD=\"quite calm\"' > /etc/by-hand.env")
    config.write_text(text.replace("batches:", "user: daemon\n    env_file: /etc/by-hand.env\n    batches:"))
    line = 'echo "$(cat VERSION) $(id -un) $MOOD"'
    try:
        shown = live("run", "dev", "--app", "app", "--", line).stdout.splitlines()
        assert sorted(shown) == [f"{host}: {deployed} daemon quite calm" for host in ("web1", "web2")]
        words = ["run", "dev", "--app", "app", "--limit", "web1", "-t", "--", f"test -t 0 && {line}; exit 5"]
        terminal = Terminal(live.root, *words, columns=200)
        assert terminal.end() == 5, terminal.text()
        assert f"{deployed} daemon quite calm" in terminal.text()
    finally:
        config.write_text(text)


def test_a_deployment_can_be_looked_at_before(live, deployed):
    same = live("deploy", "app", "--to", "dev", "--check")
    assert "runs on every host already" in same.stderr
    version = live.commit(note=str(time.time_ns()))
    document = live.document("deploy", "app", "--to", "dev", "--check", code=2)
    assert document["foreseen"]["batches"] == [["web1"], ["web2"]]
    assert document["foreseen"]["migrates"] == ["web1"]
    table = live("deploy", "app", "--to", "dev", "--check", code=2).stdout
    assert re.search(rf"^1 +web1 +{deployed}-\w+ +{version}-\w+$", table, re.MULTILINE)
    assert live.served() == {"web1": deployed, "web2": deployed}


def test_a_canary_is_shown_until_it_is_taken_back_or_finished_by_its_name(live, deployed):
    version = live.commit(note=str(time.time_ns()))
    live("deploy", "app", "--to", "dev", "--limit", "web1")
    assert live.served() == {"web1": version, "web2": deployed}
    shown = live("status", "dev").stderr
    assert f"app: {version} is a canary on web1 since" in shown
    other = live.commit(note=str(time.time_ns()))
    assert "is a canary on web1" in live("deploy", "app", "--to", "dev", code=3).stderr
    live("rollback", "dev", "app", "--limit", "web1")
    assert live.served() == {"web1": deployed, "web2": deployed}
    assert "canary" not in live("status", "dev").stderr
    live("deploy", "app", "--to", "dev", "--limit", "web2")
    assert live.served() == {"web1": deployed, "web2": other}
    live("deploy", f"app@{other}", "--to", "dev")
    assert live.served() == {"web1": other, "web2": other}
    assert live.document("status", "dev")["canaries"] == {}


def test_a_maintenance_page_is_shown_until_its_time_is_over(live):
    config = live.root / "cdconf.yml"
    text = config.read_text()
    page = "maintenance: {group: web, on: touch /var/tmp/page, off: rm /var/tmp/page}"
    config.write_text(text.replace("batches:", f"{page}\n    batches:"))
    seen = lambda: [live.on(host, "ls /var/tmp/page") for host in ("web1", "web2")]  # noqa: E731
    try:
        live("maintenance", "on", "app", "--env", "dev", "--reason", "moving")
        assert seen() == ["/var/tmp/page"] * 2
        shown = live.document("status", "dev")["maintenance"]["app"]
        assert [one["reason"] for one in shown.values()] == ["moving"] * 2
        live("maintenance", "off", "app", "--env", "dev")
        assert seen() == ["", ""]
        live("maintenance", "on", "app", "--env", "dev", "--ttl", "3s")
        assert eventually(lambda: seen() == ["", ""], 20)
        assert eventually(lambda: live.document("status", "dev")["maintenance"] == {}, 10)
    finally:
        config.write_text(text)
