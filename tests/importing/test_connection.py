import pytest

from cdconf.importing.connection import connection
from cdconf.importing.model import Definition
from cdconf.importing.vault import Hidden


def entry(**variables):
    """A host's entry of hosts.yml, and the names of what isn't taken over."""
    complaints = []
    given = {f"ansible_{name}": Definition(f"ansible_{name}", value, "f", 1) for name, value in variables.items()}
    result = connection(
        "web1.example.com",
        given,
        lambda one, why: complaints.append(one.name.removeprefix("ansible_")),
        lambda one: "sudo_password" if isinstance(one.value, Hidden) else None,
    )
    return result, complaints


@pytest.mark.parametrize(
    ("arguments", "ssh"),
    [
        ("-o ProxyJump=ops@bastion:2222", {"jump": "ops@bastion:2222"}),
        ("-J bastion", {"jump": "bastion"}),
        ("-J ops@a:2222,[2001:db8::1]:22,b", {"jump": "ops@a:2222,[2001:db8::1]:22,b"}),
        ("-Jbastion", {"jump": "bastion"}),
        ("-oProxyJump=bastion", {"jump": "bastion"}),
        ("-o 'ProxyJump bastion'", {"jump": "bastion"}),
        ("-o ProxyCommand='ssh -W %h:%p -q ops@bastion'", {"jump": "ops@bastion"}),
        ("-o UserKnownHostsFile=known -o ControlPersist=60s", {"known_hosts": "known"}),
    ],
)
def test_ssh_arguments_become_settings(arguments, ssh):
    assert entry(ssh_common_args=arguments) == ({"address": "web1.example.com", "ssh": ssh}, [])


@pytest.mark.parametrize(
    "arguments", ["-o ProxyJump={{ a }}", "-o StrictHostKeyChecking=no", "-o ProxyCommand='nc %h %p'", "-C", "-o", "'"]
)
def test_other_arguments_are_reported(arguments):
    assert entry(ssh_extra_args=arguments) == ({"address": "web1.example.com"}, ["ssh_extra_args"])


def test_old_names_lose_to_new_ones():
    found, complaints = entry(host="192.0.2.1", ssh_host="192.0.2.2", ssh_user="old", user="new", ssh_port="22")
    assert found == {"address": "192.0.2.1", "ssh": {"port": 22, "user": "new"}}
    assert complaints == []


@pytest.mark.parametrize(
    ("variables", "reported"),
    [
        ({"become": "yes", "become_method": "sudo", "become_user": "root"}, []),
        ({"become": True, "become_method": "doas"}, ["become_method"]),
        ({"become": True, "become_user": "postgres"}, ["become_user"]),
        ({"become": True, "become_password": "{{ lookup('env', 'PASSWORD') }}"}, ["become_password"]),
    ],
)
def test_becoming_root(variables, reported):
    assert entry(**variables) == ({"address": "web1.example.com", "ssh": {"become": "sudo"}}, reported)


def test_sudo_s_password_is_named_where_sudo_is_used():
    named = {"address": "web1.example.com", "ssh": {"become": "sudo", "sudo_password": "sudo_password"}}
    for variables in ({"become": True}, {}):  # without: it's the plays that say `become: true`
        assert entry(become_pass=Hidden("hunter2"), **variables) == (named, [])
    assert entry(become=False, become_password=Hidden("hunter2")) == ({"address": "web1.example.com"}, [])


def test_values_that_are_not_plain_are_reported_and_never_shown():
    found, complaints = entry(host="{{ ip }}", port="http", user=Hidden("root"), connection="winrm", become=False)
    assert found == {"address": "web1.example.com"}
    assert sorted(complaints) == ["connection", "host", "port", "user"]


def test_containers_and_the_controller_itself():
    assert entry(connection="community.docker.docker", host="app")[0] == {
        "address": "app",
        "transport": "docker",
        "container": "app",
    }
    assert entry(connection="local")[0]["transport"] == "local"
