"""The program that `cdconf ssh` starts gets everything that the inventory says."""

from cdconf.inventory import Host, Ssh
from cdconf.session.program import login


def host(**ssh):
    return Host("web1", ("web",), address="192.0.2.1", ssh=Ssh(**ssh))


def test_what_is_not_set_is_left_to_ssh():
    assert login(host(), None, terminal=False) == ["ssh", "-o", "ConnectTimeout=20", "--", "192.0.2.1"]


def test_everything_that_is_set_is_given():
    one = host(
        address="203.0.113.1", port=2222, user="deploy", jump="me@bastion", identity_file="/k y", known_hosts="/known h"
    )
    made = login(one, "ls 'a b'", terminal=True)
    assert made == [
        *("ssh", "-tt", "-o", "ConnectTimeout=20", "-p", "2222", "-J", "me@bastion"),
        *("-i", "/k y", "-o", "IdentitiesOnly=yes"),
        *("-o", 'UserKnownHostsFile="/known h"', "-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "StrictHostKeyChecking=yes", "--", "deploy@203.0.113.1", "ls 'a b'"),
    ]


def test_a_login_has_its_terminal_from_ssh_itself():
    assert "-tt" not in login(host(), None, terminal=True)


def test_new_keys_are_learnt_only_where_none_is_pinned():
    assert "StrictHostKeyChecking=accept-new" in login(host(), None, terminal=False, accept_new_host_keys=True)
    pinned = login(host(known_hosts="/k"), None, terminal=False, accept_new_host_keys=True)
    assert "StrictHostKeyChecking=yes" in pinned
    assert "StrictHostKeyChecking=accept-new" not in pinned


def test_hosts_without_ssh():
    docker = Host("web1", (), transport="docker", container="box")
    assert login(docker, "id", terminal=False) == ["docker", "exec", "-i", "box", "/bin/sh", "-c", "id"]
    assert login(docker, None, terminal=True) == ["docker", "exec", "-i", "-t", "box", "/bin/sh", "-l"]
    assert login(Host("here", (), transport="local"), "id", terminal=False) == ["/bin/sh", "-c", "id"]
