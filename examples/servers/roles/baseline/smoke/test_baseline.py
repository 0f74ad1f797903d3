import pytest


def sshd(host):
    """What sshd would do, by keyword."""
    return dict(line.split(" ", 1) for line in host.check_output("/usr/sbin/sshd -T").splitlines() if " " in line)


def test_only_keys_open_ssh(host):
    settings = sshd(host)
    assert settings["passwordauthentication"] == settings["kbdinteractiveauthentication"] == "no"
    assert settings["permitrootlogin"] in {"no", "without-password"}
    assert "operators" in host.check_output("/usr/sbin/sshd -T | grep -i ^allowgroups")


def test_sshd_runs_with_what_its_files_say(host):
    assert host.service("ssh").is_running
    assert host.service("ssh").is_enabled
    assert host.socket("tcp://0.0.0.0:22").is_listening


def test_the_firewall_drops_what_nobody_asked_for(host):
    rules = host.check_output("nft list table inet cdconf_host")
    assert "policy drop" in rules
    assert "dport 22 accept" in rules
    assert host.service("nftables").is_enabled


def test_operators_may_become_root(host):
    members = host.check_output("getent group operators").split(":")[3].split(",")
    assert members
    for name in members:
        assert host.run("sudo -nlU %s | grep -q 'NOPASSWD: ALL'", name).rc == 0
        assert host.file(f"/home/{name}/.ssh/authorized_keys").mode == 0o600


@pytest.mark.parametrize("timer", ["apt-daily.timer", "apt-daily-upgrade.timer", "logrotate.timer"])
def test_upgrades_and_log_rotation_come_by_themselves(host, timer):
    assert host.service(timer).is_running
    assert host.service(timer).is_enabled


def test_unattended_upgrades_understands_its_files(host):
    assert host.check_output("apt-config shell value APT::Periodic::Unattended-Upgrade") == "value='1'"
    origins = host.check_output("apt-config dump Unattended-Upgrade::Origins-Pattern")
    assert "Debian-Security" in origins
