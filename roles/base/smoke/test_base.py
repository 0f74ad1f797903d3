def test_the_host_says_who_manages_it(host):
    assert host.file("/etc/motd").contains("managed by cdconf")
