"""The program that `cdconf ssh` starts gets everything that the inventory says."""

import shlex

from cdconf.inventory import Host, Ssh
from cdconf.session.login_program import login

USUAL = "-o 'UserKnownHostsFile=~/.ssh/known_hosts \"/known\"'"


def host(**ssh):
    return Host("web1", ("web",), address="192.0.2.1", ssh=Ssh(**ssh))


def test_what_is_not_set_is_left_to_ssh():
    assert login(host(), None, terminal=False) == ["ssh", "-o", "ConnectTimeout=20", "--", "192.0.2.1"]


def test_everything_that_is_set_is_given():
    one = host(address="203.0.113.1", port=2222, user="deploy", identity_file="/k y", known_hosts="/known h")
    made = login(one, "ls 'a b'", terminal=True)
    assert made == [
        *("ssh", "-tt", "-o", "ConnectTimeout=20", "-p", "2222", "-i", "/k y", "-o", "IdentitiesOnly=yes"),
        *("-o", 'UserKnownHostsFile="/known h"', "-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "StrictHostKeyChecking=yes", "--", "deploy@203.0.113.1", "ls 'a b'"),
    ]


def test_an_old_server_may_sign_with_sha_1():
    made = login(host(ssh_rsa=True), None, terminal=False)
    assert made[3:7] == ["-o", "HostKeyAlgorithms=+ssh-rsa", "-o", "PubkeyAcceptedKeyTypes=+ssh-rsa"]


def test_jump_hosts_get_the_host_s_key_and_known_hosts_too():
    """As in cdconf's own sessions; ssh's -J would leave both out."""
    assert login(host(jump="me@bastion,inner"), None, terminal=False)[3:5] == ["-J", "me@bastion,inner"]
    assert login(host(jump="none", known_hosts="/known"), None, terminal=False)[3:5] == ["-J", "none"]
    (way,) = (
        word for word in login(host(jump="me@bastion:2222", known_hosts="/known"), None, terminal=False) if "-W" in word
    )
    assert way == f"ProxyCommand=ssh {USUAL} -p 2222 -l me -W '[%h]:%p' -- bastion"
    hops = host(jump="one, me@two", identity_file="/k%y")
    (way,) = (word for word in login(hops, None, terminal=False) if "-W" in word)
    key = "-i /k%%y -o IdentitiesOnly=yes"
    words = shlex.split(way.removeprefix("ProxyCommand="))
    assert way.startswith(f"ProxyCommand=ssh {key} -l me -o ")
    assert words[-4:] == ["-W", "[%h]:%p", "--", "two"]
    inner = next(word for word in words if "ProxyCommand" in word)
    assert inner == "ProxyCommand=ssh -i /k%%%%y -o IdentitiesOnly=yes -W '[%%h]:%%p' -- one"


def test_new_keys_of_jump_hosts_are_learnt_as_the_person_s_own():
    made = login(host(jump="bastion", known_hosts="/known"), None, terminal=False, accept_new_host_keys=True)
    (way,) = (word for word in made if "-W" in word)
    assert way == f"ProxyCommand=ssh {USUAL} -o StrictHostKeyChecking=accept-new -W '[%h]:%p' -- bastion"


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
