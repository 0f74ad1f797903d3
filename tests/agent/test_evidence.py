"""Evidence is bounded, safe to show, and tells no arguments of commands."""

import pytest

from cdconf.agent.converge.evidence import FINDINGS, LONGEST, ChangeEvidence


@pytest.fixture
def logs(tmp_path):
    def write(path, text):
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    write("/var/log/auth.log", "")
    write.evidence = lambda *what: ChangeEvidence(str(tmp_path)).of(*what)
    write.root = str(tmp_path)
    return write


def test_the_package_managers_logs_say_what_and_who(logs):
    logs("/var/log/dpkg.log", "2026-11-30 01:02:03 remove tree:amd64 2.1 <none>\n2026-11-30 01:02:03 status x\n")
    logs(
        "/var/log/apt/history.log",
        "\nStart-Date: 2026-11-30  01:02:02\nCommandline: apt-get remove tree\nRequested-By: bob (1000)\n"
        "Remove: tree:amd64 (2.1)\nEnd-Date: 2026-11-30  01:02:04\n",
    )
    assert logs.evidence("package", "tree", {"name": "tree"}) == [
        "dpkg.log: 2026-11-30 01:02:03 remove tree:amd64 2.1 <none>",
        "apt: bob (1000) ran `apt-get remove tree` at 2026-11-30  01:02:02",
    ]
    assert logs.evidence("package", "tre", {"name": "tre"}) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("apt-get -qy install tree curl:amd64", "apt-get install tree curl:amd64"),
        (
            "/usr/bin/apt-get -o Acquire::http::Proxy=http://bob:hunter2@proxy install tree",
            "/usr/bin/apt-get install tree",
        ),
        ("apt-get -oAcquire::http::Proxy::Password=hunter2 install tree", "apt-get install tree"),
        ("apt-get -o hunter2 install tree", "apt-get install tree"),
        ("apt-get install https://bob:hunter2@example.com/tree.deb", "apt-get install"),
    ],
)
def test_of_apts_command_line_no_option_is_told(logs, line, told):
    text = "\nStart-Date: 2026-11-30  01:02:02\nCommandline: {}\nInstall: tree:amd64 (2.1)\nEnd-Date: x\n"
    logs("/var/log/apt/history.log", text.format(line))
    (sentence,) = logs.evidence("package", "tree", {"name": "tree"})
    assert sentence == f"apt: root ran `{told}` at 2026-11-30  01:02:02"


def test_of_a_command_given_to_sudo_only_the_program_is_told(logs):
    line = (
        "Nov 30 01:02:03 web1 sudo:      bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/sbin/usermod -p hunter2 ada"
    )
    logs("/var/log/auth.log", f"{line}\n")
    (said,) = logs.evidence("user", "ada", {"name": "ada"})
    assert said == "sudo: bob ran /usr/sbin/usermod with it, at Nov 30 01:02:03 web1"
    assert logs.evidence("user", "adam", {"name": "adam"}) == []


def test_a_log_of_somebody_elses_making_does_no_harm(logs):
    logs(
        "/var/log/dpkg.log",
        b"\xff\x1b[2J 1 remove tree:x " + b"y" * 5000 + b"\n" + b"a b remove tree:i \x1b \xff\n" * 99,
    )
    said = logs.evidence("package", "tree", {"name": "tree"})
    assert len(said) <= 4
    assert max(map(len, said)) <= LONGEST


def test_a_look_with_many_findings_asks_for_few(logs):
    logs("/var/log/dpkg.log", "2026-11-30 01:02:03 remove tree:amd64 2.1 <none>\n")
    one = ChangeEvidence(logs.root)
    said = [one.of("package", "tree", {"name": "tree"}) for _ in range(FINDINGS + 5)]
    assert [bool(sentences) for sentences in said] == [True] * FINDINGS + [False] * 5
