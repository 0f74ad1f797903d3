"""`cdconf secret edit` and `rekey`, with editors that are shell commands."""

import json
import os
import re
import shlex
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from cdconf.errors import SecretError
from tests.conftest import CDCONF, cdconf, write
from tests.secrets.two_secrets import store

SECRETS = "inventories/dev/secrets.yml"


@pytest.fixture
def keyed(project, tmp_path, monkeypatch):
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "key/age.txt"))
    write(project, {"inventories/dev/recipients.txt": cdconf(project, "secret", "key").stdout})
    store(project).set("token", "old: value")
    store(project).set("motto", "ein Wört\nzwei\n")
    return project


def edit(root, script):
    """Runs `secret edit` with a shell script as the editor; the file is $1."""
    return cdconf(root, "secret", "edit", "dev", EDITOR=f"sh -c {shlex.quote(script)} edit", VISUAL="")


def lines(root):
    return dict(line.split(": ") for line in (root / SECRETS).read_text().splitlines())


def test_what_is_edited_is_set_and_the_rest_keeps_its_ciphertext(keyed):
    before = lines(keyed)
    result = edit(keyed, """sed -i 's/old: value/new: value/' "$1"; echo 'added: "1234"' >> "$1" """)
    assert result.returncode == 0, result.stderr
    assert store(keyed).get("token") == "new: value"
    assert store(keyed).get("added") == "1234"
    assert store(keyed).get("motto") == "ein Wört\nzwei\n"
    assert lines(keyed)["motto"] == before["motto"]
    assert lines(keyed)["token"] != before["token"]


def test_a_removed_line_removes_the_secret(keyed):
    assert edit(keyed, """sed -i /token/d "$1" """).returncode == 0
    assert store(keyed).names() == ["motto"]


@pytest.mark.parametrize(
    ("line", "message"), [("bad-name: x", "can't be a variable's name"), ("n: 12", "must be text"), ("[", "YAML")]
)
def test_a_mistake_changes_nothing_and_keeps_the_text_private(keyed, line, message):
    before = (keyed / SECRETS).read_text()
    result = edit(keyed, f"""sed -i 's/old: value/typed for an hour/' "$1"; echo {shlex.quote(line)} >> "$1" """)
    assert result.returncode == 1
    assert message in result.stderr
    assert (keyed / SECRETS).read_text() == before
    kept = Path(re.search(r"your text is in (\S+?):", result.stderr)[1])
    try:
        assert "typed for an hour" in kept.read_text()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    finally:
        kept.unlink()
        kept.parent.rmdir()


def test_without_recipients_no_editor_is_opened(keyed):
    (keyed / "inventories/dev/recipients.txt").unlink()
    result = edit(keyed, "touch opened")
    assert (result.returncode, (keyed / "opened").exists()) == (1, False)
    assert "no recipients" in result.stderr


def test_an_editor_that_is_not_there_is_one_clear_error(keyed):
    result = cdconf(keyed, "secret", "edit", "dev", EDITOR="/no/such/editor", VISUAL="")
    assert result.returncode == 1
    assert "the editor '/no/such/editor' can't be started" in result.stderr


def test_changes_are_written_all_or_not_at_all(keyed):
    before = (keyed / SECRETS).read_text()
    one = store(keyed)
    with pytest.raises(SecretError, match="can't be a variable's name"):
        one.change({"good": "a value", "not good": "another"})
    assert (keyed / SECRETS).read_text() == before
    assert one.names() == ["motto", "token"]


def test_rekey_lets_a_new_recipient_read(keyed, tmp_path, monkeypatch):
    mine = str(tmp_path / "key/age.txt")
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "other/age.txt"))
    with (keyed / "inventories/dev/recipients.txt").open("a") as stream:
        stream.write(cdconf(keyed, "secret", "key").stdout)
    refused = cdconf(keyed, "secret", "rekey", "dev")
    assert refused.returncode == 1
    assert "cdconf secret rekey" in refused.stderr
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", mine)
    assert cdconf(keyed, "secret", "rekey", "dev").returncode == 0
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "other/age.txt"))
    assert store(keyed).get("token") == "old: value"


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 143)])
def test_a_signal_leaves_no_plain_text_behind(keyed, tmp_path, name, code):
    """SIGHUP is what a terminal that's closed sends; it goes to the editor, too."""
    script = f'echo "$1" > {tmp_path}/file; sleep 60'
    process = subprocess.Popen(
        [*CDCONF, "secret", "edit", "dev"],
        cwd=keyed,
        env={**os.environ, "EDITOR": f"sh -c {shlex.quote(script)} edit", "VISUAL": ""},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "file").is_file() or not (tmp_path / "file").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    file = Path((tmp_path / "file").read_text().strip())
    assert file.is_file()
    os.killpg(process.pid, getattr(signal, name))
    assert process.wait(20) == code
    assert not file.parent.exists()


def test_the_list_of_secrets_is_one_document_too(keyed):
    done = cdconf(keyed, "secret", "list", "dev", "--json")
    assert json.loads(done.stdout)["secrets"] == {"motto": SECRETS, "token": SECRETS}
    (keyed / "inventories/dev/recipients.txt").write_bytes(b"a\n\xff")
    assert "recipients.txt:2: this isn't UTF-8" in cdconf(keyed, "secret", "rekey", "dev").stderr
