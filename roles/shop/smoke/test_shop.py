import json


def test_the_shop_runs_and_starts_at_boot(host):
    shop = host.service("shop")
    assert shop.is_running
    assert shop.is_enabled


def test_the_shop_reaches_its_database(host):
    assert host.check_output("curl -fsS http://127.0.0.1:8000/health") == "ok"


def test_the_running_version_is_the_current_release(host):
    version = json.loads(host.check_output("curl -fsS http://127.0.0.1:8000/version"))["version"]
    assert version == host.file("/srv/shop/current/VERSION").content_string.strip()
