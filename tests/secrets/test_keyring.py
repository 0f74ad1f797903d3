"""Secrets in a keyring: one that's a file, by the same library that asks a desktop's."""

import pytest
from keyrings.alt.file import PlaintextKeyring

from cdconf.errors import InvalidFile, SecretError
from cdconf.secrets.sources import apart
from tests.conftest import cdconf, write
from tests.secrets.two_secrets import ROLE, store


@pytest.fixture
def place(project, tmp_path_factory, monkeypatch):
    """The operator's folder, with a keyring that's a file in it."""
    folder = tmp_path_factory.mktemp("operator")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("CDCONF_SECRETS", str(folder / "sources.yml"))
    write(folder, {"sources.yml": "sources:\n  - keyring: '{project} {environment}'\n"})
    write(project, {"roles/base/role.yml": ROLE})
    return folder


def keep(**values):
    kept = PlaintextKeyring()
    for name, value in values.items():
        kept.set_password("demo dev", name, value)


def test_entries_of_the_service_are_the_secrets(project, place):
    keep(pw="sesame-one", other="sesame-✓ two\nlines")
    found = store(project)
    assert found.fetch(["pw", "other", "more"]) == ["sesame-one", "sesame-✓ two\nlines"]
    assert found.get("more") is None
    assert found.source("pw") == f"keyring ({place}/sources.yml:2)"


def test_all_are_asked_for_at_once(project, place, monkeypatch):
    keep(pw="sesame-one", other="sesame-two")
    asked = []

    def output(command, text, *rest, **more):
        asked.append(text)
        return real(command, text, *rest, **more)

    real = apart.output
    monkeypatch.setattr(apart, "output", output)
    store(project).fetch(["pw", "other"])
    assert len(asked) == 1


def test_a_value_is_in_no_argument_and_in_no_output(project, place):
    keep(pw="sesame-one", other="sesame-two")
    done = cdconf(project, "vars", "dev", "web1", "--explain")
    assert "keyring (" in done.stdout
    assert "sesame" not in done.stdout + done.stderr


def test_nothing_of_the_project_is_imported(project, place, monkeypatch):
    """cdconf runs in the project's folder, where a commit may put anything."""
    keep(pw="sesame-one")
    text = f"open({str(place / 'ran')!r}, 'w')\n"
    write(
        project,
        {"keyring/__init__.py": text, "json.py": text, "keyringrc.cfg": "[backend]\ndefault-keyring=keyring.Own\n"},
    )
    monkeypatch.chdir(project)
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    write(
        place,
        {"config/python_keyring/keyringrc.cfg": "[backend]\ndefault-keyring=keyrings.alt.file.PlaintextKeyring\n"},
    )
    assert store(project).get("pw") == "sesame-one"
    assert not (place / "ran").exists()


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("keyring.backends.fail.Keyring", "there is no keyring on this machine"),
        ("keyring.backends.null.Keyring", "the keyring is switched off on this machine"),
    ],
)
def test_without_a_keyring_the_run_ends_before_any_host(project, place, monkeypatch, backend, message):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    done = cdconf(project, "provision", "dev")
    assert done.returncode == 1
    assert f"{place}/sources.yml:2: the source `keyring` can't be asked for pw, other: {message}" in done.stderr
    assert "192.0.2.1" not in done.stderr, "hosts were connected to"


def test_a_keyring_that_fails_says_so(project, place, monkeypatch):
    """As one that's locked does."""
    write(
        place,
        {
            "own/locked.py": "from keyring.backend import KeyringBackend\nfrom keyring.errors import KeyringLocked\n"
            "class Locked(KeyringBackend):\n    priority = 1\n    set_password = None\n"
            "    def get_password(self, service, user):\n"
            "        raise KeyringLocked('Failed to unlock the collection!')\n"
        },
    )
    monkeypatch.setenv("PYTHONPATH", str(place / "own"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "locked.Locked")
    with pytest.raises(SecretError, match=r"the keyring \(locked Locked\) fails: Failed to unlock the collection!"):
        store(project).get("pw")


def test_a_keyring_that_waits_for_somebody_is_ended(project, place, monkeypatch):
    write(
        place,
        {
            "own/waits.py": "import time\nfrom keyring.backend import KeyringBackend\n"
            "class Waits(KeyringBackend):\n    priority = 1\n    set_password = None\n"
            "    def get_password(self, service, user):\n"
            "        time.sleep(600)\n",
            "sources.yml": "sources:\n  - {keyring: demo, within: 1}\n",
        },
    )
    monkeypatch.setenv("PYTHONPATH", str(place / "own"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "waits.Waits")
    with pytest.raises(SecretError, match=r"`keyring` hasn't answered within 1 s"):
        store(project).get("pw")


def test_without_the_library_the_extra_is_named(project, place, monkeypatch):
    write(place, {"own/keyring.py": "raise ImportError\n"})
    monkeypatch.setenv("PYTHONPATH", str(place / "own"))
    with pytest.raises(SecretError, match="the library `keyring` isn't installed") as caught:
        store(project).get("pw")
    assert caught.value.hint == "pip install 'cdconf[keyring]'"


@pytest.mark.parametrize("given", ["''", "1", "[a]", "'shop {name}'", "'{NAME}'"])
def test_a_service_that_is_none(project, place, given):
    write(place, {"sources.yml": f"sources:\n  - keyring: {given}\n"})
    with pytest.raises(InvalidFile, match="the source 'keyring' can't be used: it"):
        store(project).get("pw")
