"""What the commit's own code may know of the environment."""

import pytest

from cdconf.isolation import scrubbed

SECRETS = [
    "SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_ASKPASS", "CDCONF_SIGNING_KEY", "CDCONF_SIGNING_KEY_DIR", "CDCONF_SIGNERS",
    "CDCONF_TRUSTED_KEYS", "CDCONF_AGE_IDENTITY", "CDCONF_DATABASE", "CDCONF_POLICY", "CDCONF_LEASE", "CDCONF_NEW",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "PGPASSWORD", "PGPASSFILE",
    "SOPS_AGE_KEY", "GPG_AGENT_INFO", "GNUPGHOME", "VAULT_TOKEN", "GITHUB_TOKEN", "CI_JOB_TOKEN", "DOCKER_AUTH_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS", "NPM_CONFIG__AUTH", "CARGO_REGISTRY_TOKEN", "PIP_PASSWORD", "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS", "KUBECONFIG", "SOMETHING_ELSE", "TWINE_PASSWORD", "JAVA_TRUST_KEY", "BUNDLE_GEMS__KEY",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_what_may_be_a_secret_is_not_passed_on(name):
    assert scrubbed({name: "x", "PATH": "/bin"}) == {"PATH": "/bin"}


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "LC_ALL", "CI", "https_proxy", "PYTHONPATH", "PIP_INDEX_URL", "GOFLAGS", "JAVA_HOME", "CC"]
)
def test_what_builds_need_is_passed_on(name):
    assert scrubbed({name: "x"}) == {name: "x"}


def test_a_password_in_a_url_is_not_passed_on_but_for_a_proxys():
    given = {"PIP_INDEX_URL": "https://me:secret@pypi.example/simple", "https_proxy": "http://me:secret@proxy:3128"}
    assert list(scrubbed(given)) == ["https_proxy"]
    assert scrubbed({"PIP_INDEX_URL": "https://pypi.example:8080/a@b"})


def test_an_operator_can_pass_on_more_but_no_key_of_cdconf():
    given = {"NPM_TOKEN": "a", "MY_ONE": "b", "MY_TWO": "c", "AWS_PROFILE": "d", "CDCONF_SIGNING_KEY": "e"}
    found = scrubbed({**given, "CDCONF_PASS_VARIABLES": "NPM_TOKEN, MY_* AWS_* CDCONF_*"})
    assert found == {"NPM_TOKEN": "a", "MY_ONE": "b", "MY_TWO": "c"}
