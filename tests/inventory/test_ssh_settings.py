import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from tests.conftest import write


def hosts(project, text):
    write(project, {"inventories/dev/hosts.yml": text})
    return load_environment(load_project(project), "dev").hosts


def test_bootstrap_is_off_unless_asked_for_and_each_host_may_differ(project):
    text = "{}hosts:\n  a: {{groups: [web]}}\n  b: {{groups: [web], bootstrap: {}}}\n"
    off = hosts(project, text.format("", "true"))
    on = hosts(project, text.format("bootstrap: true\n", "false"))
    assert [one.bootstrap for one in (*off.values(), *on.values())] == [False, True, True, False]


def test_a_copy_installs_nothing_by_itself(project):
    write(project, {"inventories/prod/hosts.yml": "bootstrap: true\nhosts: {a: {groups: [web]}}\n"})
    assert not hosts(project, "copy_of: prod\n")["a"].bootstrap


def test_files_are_looked_for_in_the_project(project):
    text = "ssh: {known_hosts: inventories/dev/known_hosts, identity_file: ~/.ssh/x}\nhosts: {a: {groups: [web]}}\n"
    ssh = hosts(project, text)["a"].ssh
    assert ssh.known_hosts == str(project / "inventories/dev/known_hosts")
    assert ssh.identity_file == "~/.ssh/x"


JUMPS = ["bastion", "me@bastion:2222", "a.example.com, b@c:22", "none", "'[2001:db8::1]:22'", "ops@[fe80::1%eth0]:22"]


@pytest.mark.parametrize("jump", JUMPS)
def test_jump_hosts(project, jump):
    assert hosts(project, f'ssh: {{jump: "{jump.strip(chr(39))}"}}\nhosts: {{a: {{groups: [web]}}}}\n')["a"].ssh.jump


@pytest.mark.parametrize(
    ("ssh", "message"),
    [
        ("jump: 'ssh://x y'", "'ssh://x y' isn't a jump host"),
        ("jump: 'a,,b'", "isn't a jump host"),
        ("become: doas", "'become' must be sudo, not 'doas'"),
        ("sudo_password: word", "has a sudo_password, but doesn't use sudo"),
        ("become: sudo, sudo_password: 's3cret!'", "'sudo_password' is a secret's name, never the password"),
        ("port: 99999", "'99999' isn't a port"),
        ("user: ''", "'user' in ssh of host 'a' must be text"),
        ("ssh_rsa: 'yes'", "'ssh_rsa' in ssh of host 'a' must be true or false"),
        ("user: 5", "'user' in ssh of host 'a' must be text"),
        ("known_host: x", "unknown key 'known_host'"),
    ],
)
def test_mistakes_have_a_line(project, ssh, message):
    with pytest.raises(InvalidFile) as caught:
        hosts(project, f"hosts:\n  a: {{groups: [web], ssh: {{{ssh}}}}}\n")
    assert message in str(caught.value)
    assert str(caught.value).startswith("inventories/dev/hosts.yml:2: ")


def test_bootstrap_must_be_true_or_false(project):
    with pytest.raises(InvalidFile, match=r"'bootstrap' in hosts\.yml must be true or false, not text"):
        hosts(project, "bootstrap: 'yes'\nhosts: {a: {groups: [web]}}\n")
