"""What hosts say goes through the run's mask, whether or not the run itself reads any secret."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cdconf.cli.context import Run, run_of
from cdconf.errors import HostFailed
from cdconf.events import HostDone, SmokeDone
from cdconf.inventory import load_environment, load_project
from cdconf.secrets import Mask, SecretStore
from tests.conftest import cdconf, write

VALUE = "hunter2 & friends"


@pytest.fixture
def keyed(project, tmp_path, monkeypatch):
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "key/age.txt"))
    write(project, {"inventories/dev/recipients.txt": cdconf(project, "secret", "key").stdout})
    loaded = load_project(project)
    SecretStore(loaded, load_environment(loaded, "dev")).set("token", VALUE)
    return project


def flags(root):
    return {"directory": str(root)}


def run_python(code, folder):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_events_are_masked_before_anyone_reads_them(keyed, capsys):
    run = Run("run", "dev", flags(keyed))
    run.emit(HostDone("web1", "failed", f"psql: {VALUE} is wrong"))
    run.emit(SmokeDone("web1", "t", False, "x" * 3000 + f"\nassert '{VALUE}' == ''\n" + "y" * 100))
    host = run.collector.hosts["web1"]
    assert host.error == "psql: *** is wrong"
    assert host.smoke[0].message.startswith("assert '***'")
    assert VALUE not in capsys.readouterr().err


def test_the_error_and_the_journal_are_masked(keyed, capsys):
    with pytest.raises(SystemExit), run_of("deploy", "dev", flags(keyed)):
        raise HostFailed(f"migration failed: {VALUE}", hint=f"try {VALUE}", detail=f"line\n{VALUE}")
    shown = "".join(capsys.readouterr())
    assert shown.count("***") == 3
    assert VALUE not in shown
    (entry,) = (keyed / ".cdconf/history.jsonl").read_text().splitlines()
    assert json.loads(entry)["error"] == "migration failed: ***"


def test_a_secret_that_cannot_be_read_here_is_said_once(keyed, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "none.txt"))
    run = Run("run", "dev", flags(keyed))
    run.emit(HostDone("web1", "ok"))
    run.emit(HostDone("web2", "ok"))
    shown = capsys.readouterr().err
    assert shown.count("warning: token can't be masked in what hosts print: there is no age identity") == 1


def test_without_secrets_nothing_is_loaded(project):
    code = (
        "import sys; from cdconf.cli.context import Run; from cdconf.events import HostDone\n"
        "Run('run', 'dev', {}).emit(HostDone('web1', 'ok')); print('pyrage' in sys.modules)"
    )
    result = run_python(code, project)
    assert result.stdout.strip() == "False", result.stderr


CRASH = f"""
import sys, cdconf.cli.main
from cdconf.cli.context import run_of
def crash(**_):
    with run_of("run", "dev", {{}}):
        raise ValueError({VALUE!r})
module = sys.modules["cdconf.cli.main"]
module.group.main = crash
module.run()
"""


def test_a_bug_does_not_tell_a_secret(keyed):
    result = run_python(CRASH, keyed)
    assert "this is a bug in cdconf (ValueError: ***)" in result.stderr
    log = Path(next(word for word in result.stderr.split() if word.endswith(".log")))
    text = log.read_text()
    log.unlink()
    assert "ValueError: ***" in text
    assert VALUE not in text + result.stderr


def test_a_bug_on_a_machine_that_takes_no_file_is_told_whole(keyed):
    full = "import errno, tempfile\ndef full(*_, **__):\n    raise OSError(errno.ENOSPC, 'No space left on device')\n"
    result = run_python(full + "tempfile.NamedTemporaryFile = full\n" + CRASH, keyed)
    assert result.returncode == 1
    assert "error: this is a bug in cdconf (ValueError: ***)\n    Traceback" in result.stderr
    assert "can't be written to a file: [Errno 28] No space left on device" in result.stderr
    assert VALUE not in result.stderr


@pytest.mark.parametrize("before", ["", "a", "shop:", "user42:"])
def test_base64_is_masked_wherever_the_value_stands_in_it(before):
    mask = Mask()
    mask.add("correct horse battery")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for behind in ("", "\n", "??>"):
            shown = mask(encode(f"{before}correct horse battery{behind}".encode()).decode())
            assert "***" in shown
            for rest in shown.split("***"):
                plain = base64.b64decode(rest[: len(rest) // 4 * 4], altchars=b"-_")
                assert not any(part in plain for part in (b"orr", b"hor", b"tte"))


def test_each_line_of_a_key_is_masked():
    mask = Mask()
    mask.add("-----BEGIN KEY-----\nQUJDREVG\nR0hJSktM\n-----END KEY-----\n")
    assert mask("web1: QUJDREVG\nweb1: R0hJSktM") == "web1: ***\nweb1: ***"


def test_a_secret_given_on_the_command_line_taints(project):
    write(
        project,
        {
            "roles/base/role.yml": """
            variables:
              token: {secret: true}
            resources:
              - file: /etc/token
                content: "{{ token }}"
            """
        },
    )
    result = cdconf(project, "vars", "dev", "web1", "-e", "token=from-the-line")
    assert "from-the-line" not in result.stdout + result.stderr


def test_an_error_of_whoever_reads_the_events_ends_the_run_once_and_keeps_it_from_nothing_later(project):
    def fails(event):
        raise RuntimeError("a renderer's bug")

    run = Run("run", "dev", flags(project))
    run._renderer = fails
    with pytest.raises(RuntimeError, match="a renderer's bug"):
        run.emit(HostDone("web1", "ok"))
    run.emit(HostDone("web1", "rolled_back"))
    assert run.collector.hosts["web1"].status == "rolled_back", "the way back is told, as far as that can be"
