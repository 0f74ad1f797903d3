def test_sshd_asks_for_no_password(host):
    settings = host.check_output("sshd -T")
    assert "passwordauthentication no" in settings
    assert "allowusers ada" in settings


def test_fail2ban_watches_sshd(host):
    assert host.service("fail2ban").is_running
    assert host.run("fail2ban-client status sshd").rc == 0
