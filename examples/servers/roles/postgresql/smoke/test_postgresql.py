def sql(host, query):
    return host.check_output("cd / && runuser -u postgres -- psql -AtXc %s", query)


def test_the_cluster_runs_for_others_too(host):
    assert host.socket("tcp://0.0.0.0:5432").is_listening
    assert host.service("postgresql").is_enabled


def test_it_runs_with_what_its_files_say(host):
    assert sql(host, "SELECT name FROM pg_settings WHERE pending_restart") == ""
    assert sql(host, "SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL") == "0"
    assert sql(host, "SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL") == "0"
    assert sql(host, "SELECT setting FROM pg_settings WHERE name = 'config_file'").startswith("/etc/postgresql/")
    assert int(sql(host, "SELECT setting FROM pg_settings WHERE name = 'shared_buffers'")) > 16384  # more than 128 MB


def test_nobody_gets_in_without_a_password(host):
    assert sql(host, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'") == "0"
    assert host.run("cd / && psql -h 127.0.0.1 -U shop -w -c 'SELECT 1' shop").rc == 2


def test_roles_may_do_what_they_should_and_no_more(host):
    assert sql(host, "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'shop'") == "f|f"
    assert sql(host, "SELECT rolname FROM pg_roles WHERE rolreplication AND NOT rolsuper") == "replicator"
    assert sql(host, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'") == "shop"


def test_backups_come_by_themselves(host):
    assert host.service("postgresql-backup.timer").is_running
    assert host.service("postgresql-backup.timer").is_enabled
    assert host.run("systemctl is-failed postgresql-backup.service").rc != 0
    assert host.file("/var/backups/postgresql").mode == 0o700
