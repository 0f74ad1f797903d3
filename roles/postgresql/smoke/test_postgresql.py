def test_postgresql_listens(host):
    assert host.socket("tcp://0.0.0.0:5432").is_listening


def test_the_shop_has_its_database(host):
    query = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'"
    assert host.run("runuser -u postgres -- psql -Atc %s", query).stdout.strip() == "shop"
