def test_nginx_accepts_its_files_and_runs(host):
    assert host.run("nginx -t").rc == 0
    assert host.service("nginx").is_running
    assert host.service("nginx").is_enabled
