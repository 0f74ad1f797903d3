ASK = 'cd / && runuser -u postgres -- psql -qAtX shop -c "%s"'


def test_the_database_is_the_shops_with_its_locale(host):
    found = host.run(ASK % "SELECT pg_get_userbyid(datdba), datcollate FROM pg_database WHERE datname = 'shop'").stdout
    assert found == "shop|en_US.UTF-8\n"


def test_report_reads_what_the_shop_creates(host):
    found = host.run(ASK % "SELECT pg_get_userbyid(defaclrole), defaclacl FROM pg_default_acl").stdout
    assert found == "shop|{report=r/shop}\n"
