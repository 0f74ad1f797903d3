def test_common_account_lets_keys_in_when_a_password_has_expired(host):
    assert host.file("/etc/pam.d/common-account").contains("pam_unix.so.*no_pass_expiry")
    assert host.file("/etc/pam.d/common-auth").contains("pam_faillock.so.*authfail")


def test_no_program_can_be_changed_by_others(host):
    assert host.check_output("find /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin -perm /go+w -type f") == ""


def test_the_kernel_takes_no_redirects_and_forwards_nothing(host):
    for name in ("accept_redirects", "send_redirects", "accept_source_route", "secure_redirects"):
        assert host.sysctl(f"net.ipv4.conf.all.{name}") == 0
    assert host.sysctl("net.ipv4.ip_forward") == 0
    assert host.sysctl("net.ipv4.conf.all.rp_filter") == 1
