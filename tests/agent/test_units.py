"""Names of units, resolved by the files that systemd reads."""

import pytest

from cdconf.agent.system import units


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Two directories as systemd has them, the administrator's and the vendor's."""
    folders = [tmp_path / "etc", tmp_path / "lib"]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setattr(units, "FOLDERS", tuple(map(str, folders)))
    monkeypatch.setattr(units, "SYSTEM", str(folders[0]))
    return folders


@pytest.mark.parametrize(
    ("name", "full"),
    [("nginx", "nginx.service"), ("a@1.2", "a@1.2.service"), ("x.timer", "x.timer"), ("a.b", "a.b.service")],
)
def test_full_names(name, full):
    assert units.unit(name) == full
    assert units.resolve("nobody-knows-" + name) == "nobody-knows-" + full


def test_follows_links_within_systemds_directories(system):
    etc, lib = system
    (lib / "mariadb.service").write_text("[Service]\n")
    (etc / "mysql.service").symlink_to(lib / "mariadb.service")
    (lib / "mysqld.service").symlink_to("mysql.service")
    assert units.resolve("mysql") == "mariadb.service"
    assert units.resolve("mysqld") == "mariadb.service"
    assert units.resolve("mariadb") == "mariadb.service"


def test_a_link_to_elsewhere_is_a_unit_or_a_mask(system, tmp_path):
    etc, _ = system
    (tmp_path / "opt").mkdir()
    (etc / "linked.service").symlink_to(tmp_path / "opt/other.service")
    (etc / "masked.service").symlink_to("/dev/null")
    assert units.resolve("linked") == "linked.service"
    assert units.resolve("masked") == "masked.service"


def test_the_first_directory_wins(system):
    etc, lib = system
    (etc / "a.service").write_text("")
    (lib / "a.service").symlink_to("b.service")
    assert units.resolve("a") == "a.service"


def test_knows_aliases_whose_link_is_not_there(system):
    etc, lib = system
    (lib / "ssh.service").write_text("[Install]\nWantedBy=multi-user.target\nAlias=sshd.service other.service\n")
    (lib / "ssh.socket").write_text("[Install]\nAlias=sshd.socket\n")
    assert units.resolve("sshd") == "ssh.service"
    assert units.resolve("sshd.socket") == "ssh.socket"
    (etc / "ssh.service").write_text("[Unit]\nAlias=x.service\n#Alias=sshd.service\n")
    assert units.resolve("sshd") == "sshd.service"


def test_an_alias_of_several_is_none(system):
    _, lib = system
    for name in ("gdm", "lightdm"):
        (lib / f"{name}.service").write_text("[Install]\nAlias=display-manager.service\n")
    assert units.resolve("display-manager") == "display-manager.service"


def test_instances_of_templates(system):
    etc, lib = system
    (lib / "getty@.service").write_text("[Install]\nAlias=console@.service\n")
    (etc / "autovt@.service").symlink_to(lib / "getty@.service")
    (etc / "own@one.service").symlink_to("getty@.service")
    (etc / "plain.service").symlink_to("getty@tty9.service")
    assert units.resolve("autovt@tty1.2") == "getty@tty1.2.service"
    assert units.resolve("console@tty1") == "getty@tty1.service"
    assert units.resolve("own@one") == "getty@one.service"
    assert units.resolve("plain") == "getty@tty9.service"
    assert units.resolve("getty@tty1") == "getty@tty1.service"


def test_links_in_a_circle_end(system):
    etc, _ = system
    (etc / "a.service").symlink_to("b.service")
    (etc / "b.service").symlink_to("a.service")
    assert units.resolve("a") in ("a.service", "b.service")


def test_reads_the_install_section_alone():
    text = "[Unit]\nAlso=no\n[Install]\n; Also=no\nAlso=a.socket \\\n  b.socket\n Also = c.timer\n[Service]\nAlso=no\n"
    assert units.installs(text) == {"Also": ["a.socket", "b.socket", "c.timer"]}


def test_wanted_by_whichever_target(system):
    etc, _ = system
    assert not units.is_wanted("a.service", str(etc), str(etc / "none"))
    (etc / "x.target.requires").mkdir()
    (etc / "x.target.requires/a.service").symlink_to("/nowhere")
    assert units.is_wanted("a.service", str(etc))
