"""An environment's client key: hosts know no other one, so that none is made in the place of what can't be read."""

import pytest

from cdconf.environments.keys import client_key
from cdconf.own_files import DamagedFile


def test_a_key_is_made_once(tmp_path):
    private, line = client_key(tmp_path / "dev", "cdconf dev")
    assert line.startswith("ssh-ed25519 ")
    assert line.endswith(" cdconf dev")
    assert private.stat().st_mode & 0o777 == 0o600
    assert client_key(tmp_path / "dev", "cdconf dev") == (private, line)


def test_a_public_part_that_is_gone_is_made_of_the_private_one(tmp_path):
    private, line = client_key(tmp_path, "cdconf dev")
    (tmp_path / "id_ed25519.pub").unlink()
    assert client_key(tmp_path, "cdconf dev") == (private, line)
    assert (tmp_path / "id_ed25519.pub").read_text() == f"{line}\n"


@pytest.mark.parametrize("text", ["", "x", "\0" * 100, "ssh-ed25519 AAAA"])
@pytest.mark.parametrize("name", ["id_ed25519", "id_ed25519.pub"])
def test_a_damaged_part_is_named_and_stays(tmp_path, name, text):
    client_key(tmp_path, "cdconf dev")
    (tmp_path / name).write_text(text)
    with pytest.raises(DamagedFile) as caught:
        client_key(tmp_path, "cdconf dev")
    assert str(tmp_path / name) in caught.value.message
    assert (tmp_path / name).read_text() == text


def test_a_private_part_that_is_gone_is_not_made_anew(tmp_path):
    client_key(tmp_path, "cdconf dev")
    (tmp_path / "id_ed25519").unlink()
    with pytest.raises(DamagedFile):
        client_key(tmp_path, "cdconf dev")
    assert not (tmp_path / "id_ed25519").exists()
