"""Who may speak for which office: lines of allowed_signers, and what they mustn't be."""

import pytest

from cdconf.artifacts import keys
from cdconf.errors import ArtifactError, UsageError
from cdconf.promotion import office_keys, signers
from cdconf.promotion.allowed_signers import signer_of
from cdconf.promotion.offices import named
from tests.conftest import cdconf


@pytest.fixture
def key(tmp_path):
    return " ".join(keys.make(tmp_path / "key").text.split()[:2])


REFUSED = {
    "no namespaces": ("ci {key}", "the line has no namespaces"),
    "empty namespaces": ('ci namespaces="" {key}', "the line has no namespaces"),
    "another option alone": ('ci valid-before="20300101" {key}', "the line has no namespaces"),
    "a wildcard": ('ci namespaces="cdconf-stage:*" {key}', "has a wildcard"),
    "any one letter": ('ci namespaces="cdconf-stage:manua?" {key}', "has a wildcard"),
    "a negation": ('ci namespaces="!cdconf-approve" {key}', "has a wildcard"),
    "principals with a wildcard": ('* namespaces="cdconf-approve" {key}', "the principals '*' have a wildcard"),
    "an authority": ('ci cert-authority,namespaces="cdconf-approve" {key}', "a certificate authority"),
    "another namespace": ('ci namespaces="git" {key}', "is no office that this version of cdconf knows"),
    "an unknown option": ('ci namespaces="cdconf-approve",no-touch-required {key}', "isn't known"),
    "an option twice": ('ci namespaces="cdconf-approve",namespaces="cdconf-approve" {key}', "is there twice"),
    "no time": ('ci namespaces="cdconf-approve",valid-before="soon" {key}', "isn't a time for valid-before"),
    "no key": ('ci namespaces="cdconf-approve" ssh-ed25519', "this isn't a line of allowed_signers"),
    "a damaged key": ('ci namespaces="cdconf-approve" ssh-ed25519 AAAA', "isn't a public key of Ed25519"),
    "a stage's key of another kind": (
        'ci namespaces="cdconf-stage:a" ssh-rsa AAAA',
        "a stage's key must be ssh-ed25519",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_line_that_says_more_than_it_seems_to_is_refused(world, key, what):
    line, why = REFUSED[what]
    path = signers.signers_file(world.project)
    path.write_text(path.read_text() + line.format(key=key) + "\n")
    with pytest.raises(ArtifactError) as caught:
        signers.signers_of(world.project)
    assert why in caught.value.message
    assert caught.value.message.startswith(f"{path}:{len(path.read_text().splitlines())}")


def test_a_line_may_have_several_offices_and_times(key):
    line = '"ci@build" namespaces="cdconf-stage:a,cdconf-override",valid-after=20200101Z,valid-before="2030010112Z"'
    with pytest.raises(ArtifactError, match="isn't a time"):
        signer_of(f"{line} {key} comment", "here")
    found = signer_of(f"{line.replace('2030010112Z', '203001011200Z')} {key} comment", "here")
    assert (found.principals, found.offices) == ("ci@build", {"cdconf-stage:a", "cdconf-override"})
    assert (found.valid_after, found.valid_before) == (1577836800, 1893499200)


def test_a_person_s_key_may_be_of_any_kind(key):
    found = signer_of('ann namespaces="cdconf-approve" sk-ssh-ed25519@openssh.com AAAAGnNr', "here")
    assert found.key is None


def test_a_file_of_a_newer_version_is_refused_by_its_name(world):
    path = signers.signers_file(world.project)
    path.write_text(f"# cdconf signers {'9' * 5000}\n")  # more digits than Python reads
    with pytest.raises(ArtifactError, match=f"{path}:1: this is version 999999999 of signers' files"):
        signers.signers_of(world.project)
    path.write_text("# cdconf signers 2: something new\n")
    with pytest.raises(ArtifactError, match=f"{path}:1: this is version 2 of signers' files"):
        signers.signers_of(world.project)


def test_others_must_not_be_able_to_write_it(world):
    signers.signers_file(world.project).chmod(0o620)
    with pytest.raises(ArtifactError, match="others can write to the signers"):
        signers.signers_of(world.project)


def test_a_named_file_must_be_there(world, monkeypatch, tmp_path):
    monkeypatch.setenv("CDCONF_SIGNERS", str(tmp_path / "none"))
    with pytest.raises(ArtifactError, match=r"\$CDCONF_SIGNERS names .*none, which isn't there"):
        signers.signers_of(world.project)
    signers.trust(world.project, "cdconf-override", keys.public_of(world.key("override").key))
    assert [one.offices for one in signers.signers_of(world.project).signers] == [{"cdconf-override"}]


def test_what_people_wrote_into_the_file_stays(world, key):
    path = signers.signers_file(world.project)
    mine = f'# the build machine\nci namespaces="cdconf-stage:a,cdconf-stage:b" {key} old\n'
    path.write_text(mine)
    signers.trust(world.project, "cdconf-stage:c", keys.parse(f"{key} new", "x"))
    text = path.read_text()
    assert text.startswith(mine)
    assert f'new namespaces="cdconf-stage:c" {key}' in text


def test_a_revoked_key_is_not_trusted_again(world):
    mine = keys.public_of(world.key("stage:manual").key)
    gone = signers.revoke(world.project, "cdconf-stage:manual", mine.id[:14])
    assert gone.id == mine.id
    with pytest.raises(ArtifactError, match="is revoked, and can't be trusted again"):
        signers.trust(world.project, "cdconf-stage:manual", mine)
    assert mine.text.split()[1] in signers.revoked_file(world.project).read_text()


def test_only_a_key_of_the_office_is_revoked_for_it(world):
    with pytest.raises(ArtifactError, match="no single key of the office override"):
        signers.revoke(world.project, "cdconf-override", world.key("stage:manual").id)


def test_names_of_offices():
    assert named("stage:manual") == named("cdconf-stage:manual") == "cdconf-stage:manual"
    for wrong in ("manual", "stage:", "stage:a b", "stage:*", "admin"):
        with pytest.raises(UsageError):
            named(wrong)


def test_keys_lie_in_the_directory_that_is_named(world, monkeypatch, tmp_path):
    monkeypatch.setenv("CDCONF_SIGNING_KEY_DIR", str(tmp_path / "keys"))
    office_keys.new(world.project, "cdconf-override")
    assert (tmp_path / "keys/demo.cdconf-override").stat().st_mode & 0o777 == 0o600


def test_the_command_makes_trusts_lists_and_revokes(world):
    made = cdconf(world.root, "key", "new", "--office", "stage:extra")
    assert made.returncode == 0
    assert "cdconf.yml has no stage 'extra'" in made.stderr
    line = made.stdout.strip()
    assert cdconf(world.root, "key", "show", "--office", "stage:extra").stdout.split()[:2] == line.split()[:2]
    again = cdconf(world.root, "key", "trust", "--office", "override", "--valid-before", "2020-01-31", line)
    assert again.returncode == 0
    listed = cdconf(world.root, "key", "list", "--offices").stdout
    assert "stage:extra" in listed
    assert "an expired key" in listed
    fingerprint = next(row.split()[0] for row in listed.splitlines() if "stage:extra" in row)
    assert cdconf(world.root, "key", "revoke", fingerprint, "--office", "stage:extra").returncode == 0
    assert "a revoked key" in cdconf(world.root, "key", "list", "--office", "stage:extra").stdout
    assert cdconf(world.root, "key", "trust", "--office", "bad", line).returncode == 1
