import pytest

from cdconf.errors import CdconfError, SecretError
from cdconf.secrets import Mask, Secret, age
from tests.conftest import cdconf, write
from tests.secrets.two_secrets import store


@pytest.fixture
def keyed(project, tmp_path, monkeypatch):
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "key/age.txt"))
    public = cdconf(project, "secret", "key").stdout
    return write(project, {"inventories/dev/recipients.txt": public})


def test_a_secret_is_encrypted_on_disk_and_readable_by_a_recipient(keyed):
    store(keyed).set("token", "s3cret value")
    assert "s3cret" not in (keyed / "inventories/dev/secrets.yml").read_text()
    assert store(keyed).get("token") == "s3cret value"


def test_a_plain_value_in_secrets_yml_is_refused_with_its_line(keyed):
    write(keyed, {"inventories/dev/secrets.yml": "# x\ntoken: plain\n"})
    with pytest.raises(CdconfError, match=r"secrets.yml:2: 'token' isn't encrypted"):
        store(keyed)


def test_another_identity_cannot_read_it(keyed, tmp_path, monkeypatch):
    store(keyed).set("token", "s3cret value")
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "other/age.txt"))
    cdconf(keyed, "secret", "key")
    with pytest.raises(CdconfError, match="can't be decrypted"):
        store(keyed).get("token")


def test_the_mask_knows_usual_encodings():
    mask = Mask()
    mask.add('pa"ss wörd')
    for text in ('pa"ss wörd', 'pa\\"ss w\\u00f6rd', "cGEic3Mgd8O2cmQ=", "pa%22ss%20w%C3%B6rd"):
        assert "***" in mask(f"x={text};")
    assert mask("nothing here") == "nothing here"


def test_a_secret_does_not_show_itself_in_a_traceback():
    assert repr(Secret("hidden")) == "Secret('***')"


@pytest.mark.parametrize("text", ["", "# public key: age1half\n"])
def test_a_file_without_a_key_is_named(tmp_path, monkeypatch, text):
    path = tmp_path / "age.txt"
    path.write_text(text)
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(path))
    for use in (age.identities, age.make_identity):
        with pytest.raises(SecretError, match=r"age\.txt holds no age identity") as caught:
            use()
        assert caught.value.hint == "remove it, and make one with `cdconf secret key`"
    assert path.read_text() == text
