def test_nginx_runs_and_starts_at_boot(host):
    nginx = host.service("nginx")
    assert nginx.is_running
    assert nginx.is_enabled


def test_the_configuration_is_valid(host):
    assert host.run("nginx -t").rc == 0


def test_it_includes_the_servers_that_are_not_drained(host):
    assert host.run("shop-upstream check").rc == 0
