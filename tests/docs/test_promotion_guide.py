"""A stranger verifies a statement with what the guide says, and notices what was changed."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cdconf.artifacts import dsse
from cdconf.artifacts.keys import public_of
from cdconf.promotion.statement import document, envelope
from tests.artifacts.conftest import home  # noqa: F401  a fixture
from tests.promotion.world import World

GUIDE = Path(__file__).parents[2] / "docs/guides/promotion.md"


@pytest.fixture
def world(tmp_path, home, monkeypatch):  # noqa: F811
    for name in ("CDCONF_SIGNERS", "CDCONF_SIGNING_KEY_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "files").mkdir()
    (tmp_path / "project").mkdir()
    return World(tmp_path / "project", tmp_path / "files")


def script(language):
    """The only block of that language which takes a stage's statement; the one for approvals has ssh-keygen verify."""
    blocks = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (found,) = [one for one in blocks if "ssh-keygen" not in one]
    return found


def verified(folder, language, statement, line):
    """How the guide's own commands judge a statement."""
    folder.mkdir(exist_ok=True)
    (folder / "statement.dsse").write_text(json.dumps(statement))
    (folder / "script").write_text(script(language))
    command = [sys.executable] if language == "python" else ["sh"]
    command += ["script", "statement.dsse", line]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def line_of(key):
    return public_of(key.key).text


@pytest.mark.parametrize("language", ["python", "sh"])
def test_a_stranger_verifies_it_with_public_tools_only(world, tmp_path, language):
    name = world.prove()
    (path,) = world.root.rglob(name)
    statement = json.loads(path.read_text())
    line = line_of(world.key("stage:manual"))
    done = verified(tmp_path / "stranger", language, statement, line)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout[done.stdout.index("{") :])
    assert said["subject"][0]["digest"]["sha256"] == world.artifact.archive
    assert (said["predicate"]["stage"], said["predicate"]["result"]) == ("manual", "passed")


@pytest.mark.parametrize("language", ["python", "sh"])
@pytest.mark.parametrize("forgery", ["payload", "type", "key", "nobody"])
def test_a_stranger_notices_what_was_changed(world, tmp_path, language, forgery):
    key = world.key("stage:manual")
    statement = dsse.signed(envelope(document(world.proof(result="failed"))), key.key, key.id)
    line = line_of(key)
    if forgery == "payload":
        payload = base64.b64decode(statement["payload"]).replace(b'"failed"', b'"passed"')
        statement["payload"] = base64.b64encode(payload).decode()
    elif forgery == "type":
        statement["payloadType"] = "application/json"
    elif forgery == "key":
        line = line_of(world.key("stage:acceptance"))
    else:
        statement["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    assert verified(tmp_path / "stranger", language, statement, line).returncode != 0
