"""Who can read which secret: those who were added later, and those who were dropped."""

import subprocess

import pytest

from cdconf.inventory import load_environment, load_project
from cdconf.secrets import SecretStore
from cdconf.secrets.readers import Readers, comments, marked, shift
from tests.conftest import CDCONF, cdconf


@pytest.fixture
def keys(project, tmp_path, monkeypatch):
    """The public keys of Ann, Bob and Eve; it's Ann who works here."""
    found = {}
    for name in ("eve", "bob", "ann"):
        monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / f"{name}/age.txt"))
        found[name] = cdconf(project, "secret", "key").stdout.strip()
    return found


def can_read(root, *people):
    (root / "inventories/dev/recipients.txt").write_text("".join(f"{one}\n" for one in people))


def put(root, name, value="a-secret-value"):
    project = load_project(root)
    SecretStore(project, load_environment(project, "dev")).set(name, value)


def say(root, *words, text=None):
    result = subprocess.run(
        [*CDCONF, "secret", *words], cwd=root, input=text or "", capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stderr


def plain_comments(root):
    """As a cdconf that knows of no comments writes secrets.yml."""
    path = root / "inventories/dev/secrets.yml"
    path.write_text("".join(line.partition("  #")[0].rstrip() + "\n" for line in path.read_text().splitlines()))


def test_rekey_says_who_was_dropped_and_which_values_must_change(project, keys):
    can_read(project, keys["ann"], keys["bob"])
    put(project, "token")
    can_read(project, keys["ann"], keys["bob"], keys["eve"])
    put(project, "password")
    can_read(project, keys["ann"])
    said = say(project, "rekey", "dev")
    bob, eve = (next(line for line in said.splitlines() if keys[name][:20] in line) for name in ("bob", "eve"))
    assert "was dropped" in bob
    assert "password, token; change these values" in bob
    assert "may have kept: password; change" in eve
    assert keys["ann"][:20] not in said
    assert "dropped" not in say(project, "rekey", "dev")


def test_set_says_to_whom_older_secrets_are_closed(project, keys):
    can_read(project, keys["ann"])
    assert "warning" not in say(project, "set", "dev", "token", text="a-secret-value")
    can_read(project, keys["ann"], keys["bob"])
    said = say(project, "set", "dev", "password", text="another-value")
    assert f"warning: {keys['bob'][:20]}… can't read token, set earlier: `cdconf secret rekey dev`" in said
    assert f"{keys['bob'][:20]}… can read from now on: token" in say(project, "rekey", "dev")
    assert "warning" not in say(project, "set", "dev", "third", text="another-value")
    can_read(project, keys["bob"])
    said = say(project, "set", "dev", "third", text="another-value")
    assert f"{keys['ann'][:20]}… is no recipient, and can still read password, token" in said


def test_secrets_of_an_older_cdconf_tell_by_their_number(project, keys):
    can_read(project, keys["ann"])
    put(project, "token")
    plain_comments(project)
    can_read(project, keys["ann"], keys["bob"])
    assert "not all recipients can read token" in say(project, "set", "dev", "other", text="x-value")
    say(project, "rekey", "dev")
    plain_comments(project)
    can_read(project, keys["ann"])
    assert "someone who is no recipient can still read other, token" in say(
        project, "set", "dev", "third", text="x-value"
    )
    assert "someone was dropped who has been able to read, and may have kept: other" in say(project, "rekey", "dev")


def test_a_comment_that_does_not_fit_counts_for_nothing():
    assert comments("x: age:1  # for a b\ny: age:2\nz: age:3  # other\n  # for c\n") == {"x": {"a", "b"}}
    text = "# mine\nx: age:1  # also mine  # for old\ny: age:2\n"
    told = marked(text, ["x"], ["age1b", "age1a"])
    assert told == "# mine\nx: age:1  # also mine  # for age1a age1b\ny: age:2\n"
    assert comments(told) == {"x": {"age1a", "age1b"}}
    found = shift({"x": Readers(2, None), "y": Readers(1, frozenset({"a"}))}, ["a"])
    assert (found.more, found.fewer, found.closed, found.opened) == (["x"], [], {}, {})


def test_a_recipient_who_stands_there_twice_is_one(project, keys):
    can_read(project, keys["ann"], keys["ann"])
    put(project, "token")
    assert "1 recipients" in say(project, "rekey", "dev")
    assert "dropped" not in say(project, "rekey", "dev")
