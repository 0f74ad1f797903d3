"""`Include` in ssh's configuration: what Paramiko is told is what OpenSSH itself understands."""

import os
import shutil
import subprocess

import pytest

from cdconf.errors import UsageError
from cdconf.session import early_ssh, ssh_connection, ssh_include

HOSTS = ("web1", "web2", "db1")
ASKED = ("hostname", "user", "port")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ssh_connection, "CONFIG_FILES", ("~/.ssh/config",))
    monkeypatch.setattr(early_ssh, "CONFIG_FILES", ("~/.ssh/config",))
    (tmp_path / ".ssh/conf.d").mkdir(parents=True)
    ssh_connection.ssh_config.cache_clear()
    yield tmp_path
    ssh_connection.ssh_config.cache_clear()


def put(home, **files):
    for name, text in files.items():
        path = home / ".ssh" / name.replace("__", "/")
        path.write_text(text)
        path.chmod(0o600)


def ssh_says(home, host):
    """What `ssh -G` says; its files are named in full, since ssh takes the home directory from passwd."""
    path = home / "whole"
    text = (home / ".ssh/config").read_text()
    path.write_text("\n".join(_absolute(line, home) for line in text.splitlines()) + "\n")
    out = subprocess.run(["ssh", "-G", "-F", path, host], capture_output=True, text=True, check=True, timeout=20).stdout
    found = dict(line.partition(" ")[::2] for line in out.splitlines())
    return {name: found[name] for name in ASKED}


def _absolute(line, home):
    key, _, value = line.strip().partition(" ")
    return f"Include {home}/.ssh/{value}" if key.lower() == "include" and not value.startswith("/") else line


CONFIGS = {
    "before everything": {"config": "Include conf.d/a\nHost *\n User late\n", "conf.d__a": "User early\nPort 2201\n"},
    "within a Host": {
        "config": "Host web*\n Include conf.d/a\n Port 2202\nHost *\n User late\n",
        "conf.d__a": "User early\nHost web1\n HostName 192.0.2.1\nHost *\n HostName 192.0.2.9\n",
    },
    "within a Match": {
        "config": 'Match originalhost "web1,db1"\n Include conf.d/a\nMatch all\n User late\n',
        "conf.d__a": "Host db*\n User early\nMatch host web1\n Port 2203\n",
    },
    "with negations": {
        "config": "Host * !web2\n Include conf.d/a\n User most\n",
        "conf.d__a": "Host web* !web1\n User nobody\nMatch all\n Port 2204\n",
    },
    "several, and behind them the block goes on": {
        "config": "Host web1\n Include conf.d/*.conf\n Port 2205\n",
        "conf.d__b.conf": "Host web1\n HostName 192.0.2.2\n",
        "conf.d__a.conf": "Host db1\n User ada\n",
    },
    "nested": {
        "config": "Host web*\n Include conf.d/a\n User last\n",
        "conf.d__a": "Host *1\n Include {home}/.ssh/conf.d/b\n Port 2206\n",
        "conf.d__b": "Host w*\n HostName 192.0.2.3\n",
    },
    "files that aren't there": {"config": "Include conf.d/none conf.d/*.none\nUser some\n"},
}


@pytest.mark.parametrize("case", CONFIGS)
@pytest.mark.skipif(shutil.which("ssh") is None, reason="there's no ssh to compare with")
def test_means_what_ssh_says(home, case):
    put(home, **{name: text.replace("{home}", str(home)) for name, text in CONFIGS[case].items()})
    for host in HOSTS:
        found = ssh_connection.configured(host)
        told = ssh_says(home, host)
        assert found.get("hostname", host) == told["hostname"], host
        assert str(found.get("port", 22)) == told["port"], host
        if "user" in found:
            assert found["user"] == told["user"], host
        else:
            assert told["user"] not in ("early", "late", "most", "nobody", "ada", "last", "some"), host


def test_names_are_relative_to_the_directory_and_know_variables_and_quotes(home, monkeypatch):
    monkeypatch.setenv("STAGE", "conf.d")
    put(home, config='Include "${STAGE}/a b" ~/.ssh/c # two\n', **{"conf.d__a b": "User ada\n", "c": "Port 2207\n"})
    found = ssh_connection.configured("web1")
    assert (found["user"], found["port"]) == ("ada", "2207")


def test_what_includes_itself_ends(home):
    put(home, config="Include config\n")
    with pytest.raises(UsageError, match="include each other more than 16 times"):
        ssh_connection.configured("web1")


@pytest.mark.parametrize("name", ["config", "conf.d__a"])
def test_what_others_can_write_to_is_refused(home, name):
    put(home, config="Include conf.d/a\n", **{"conf.d__a": "User ada\n"})
    (home / ".ssh" / name.replace("__", "/")).chmod(0o606)
    with pytest.raises(UsageError, match="others can write to it"):
        ssh_connection.configured("web1")


def test_a_file_that_nobody_wrote_by_hand_is_refused(home):
    put(home, config="Include conf.d/a\n", **{"conf.d__a": "User ada\n"})
    os.truncate(home / ".ssh/conf.d/a", 1 << 30)
    with pytest.raises(UsageError, match=r"conf\.d/a: it has more than 1048576 characters"):
        ssh_connection.configured("web1")


def test_the_systems_own_files_know_no_home(home):
    put(home, config="Include ~/x\n")
    with pytest.raises(ssh_include.IncludeRefused, match="alone"):
        list(ssh_include.lines(home / ".ssh/config", is_users=False))


def test_what_is_included_may_send_a_login_elsewhere(home):
    put(home, config="Host *\n Include conf.d/a\n", **{"conf.d__a": "User ada\n"})
    assert not early_ssh.leads_elsewhere()
    put(home, **{"conf.d__a": "HostName 192.0.2.1\n"})
    assert early_ssh.leads_elsewhere()
