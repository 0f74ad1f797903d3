"""What swap, locale, kernel_module, hostname and OpenRC read and write, as far as no host is needed."""

import os

import pytest

from cdconf.agent.errors import Failed, Missing
from cdconf.agent.system import connection, openrc
from cdconf.resources.kernel_module import agent as kernel_module
from cdconf.resources.locale import agent as locale
from cdconf.resources.swap import agent as swap


def test_a_signature_is_at_the_end_of_the_first_page(tmp_path):
    path = tmp_path / "swap"
    path.write_bytes(b"\0" * (swap.PAGE - 10) + b"SWAPSPACE2" + b"\0" * 100)
    assert swap.has_signature(str(path))
    swap._check_blank(str(path))
    path.write_bytes(b"\0" * swap.PAGE)
    assert not swap.has_signature(str(path))
    swap._check_blank(str(path))
    path.write_bytes(b"\0" * 1080 + b"\x53\xef" + b"\0" * swap.PAGE)
    with pytest.raises(Failed, match="something else than swap"):
        swap._check_blank(str(path))


def test_swap_in_use_is_known_by_its_escaped_path(tmp_path):
    table = tmp_path / "swaps"
    table.write_text("Filename\tType\tSize\tUsed\tPriority\n/srv/my\\040swap file 1 0 -2\n/dev/sda2 partition 1 0 -3\n")
    assert swap.is_active("/srv/my swap", str(table))
    assert swap.is_active("/dev/sda2", str(table))
    assert not swap.is_active("/srv/other", str(table))


LIST = "# This file lists locales\n# de_DE.UTF-8 UTF-8\n#de_DE ISO-8859-1\n  en_GB.UTF-8 UTF-8"


def test_a_locale_is_taken_out_of_its_comment():
    changed = locale.put(LIST, "de_DE.UTF-8", True)
    assert changed == LIST.replace("# de_DE.UTF-8", "de_DE.UTF-8")
    assert locale.is_listed(changed, "de_DE.UTF-8")
    assert locale.put(changed, "de_DE.UTF-8", True) == changed
    assert locale.put(changed, "de_DE.UTF-8", False) == LIST


def test_a_locale_that_isnt_there_comes_at_the_end():
    assert locale.put(LIST, "fr_FR.UTF-8@euro", True) == LIST + "\nfr_FR.UTF-8@euro UTF-8\n"
    assert locale.is_listed(LIST, "en_GB.UTF-8")
    assert not locale.is_listed(LIST, "en_GB")


@pytest.mark.parametrize(
    ("text", "name"), [("LANG=C\n", "C"), ("x\n LANG='de_DE.UTF-8' \n", "de_DE.UTF-8"), ("", None)]
)
def test_the_default_language(text, name):
    assert locale.language(text) == name
    assert locale.language(locale.put_language(text, "en_GB.UTF-8")) == "en_GB.UTF-8"
    assert locale.language(locale.put_language(text, None)) is None


def test_module_options_in_any_spelling():
    text = "# x\noptions  nf-conntrack  hashsize=1  acct=0 # why\nblacklist other\nblacklist\tnf_conntrack\n"
    assert kernel_module.parse(text, "nf_conntrack") == {"options": "hashsize=1 acct=0", "blacklisted": True}
    assert kernel_module.parse(text, "nothing") == {"options": "", "blacklisted": False}


def test_openrc_is_read_from_its_directories(tmp_path, monkeypatch):
    for name in ("init.d", "runlevels/default", "started"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(openrc, "SCRIPTS", str(tmp_path / "init.d"))
    monkeypatch.setattr(openrc, "RUNLEVELS", str(tmp_path / "runlevels"))
    monkeypatch.setattr(openrc, "STARTED", str(tmp_path / "started"))
    (tmp_path / "init.d/nginx").touch()
    assert openrc.state("nginx") == {"enabled": False, "running": False}
    for name in ("runlevels/default/nginx", "started/nginx"):
        (tmp_path / name).symlink_to("/etc/init.d/nginx")
    assert openrc.state("nginx") == {"enabled": True, "running": True}
    with pytest.raises(Missing):
        openrc.state("apache")


def test_the_connection_is_found_in_an_ancestors_environment(monkeypatch):
    environments = {os.getpid(): {}, 77: {b"SSH_CONNECTION": b"::ffff:192.0.2.9 50000 fe80::1%eth0 2222"}}
    monkeypatch.setattr(connection, "_environment", environments.get)
    monkeypatch.setattr(connection, "_parent", lambda pid: 77)
    found = connection.current()
    assert (str(found.client), found.port) == ("192.0.2.9", 2222)


def test_without_sshd_there_is_no_connection(monkeypatch):
    monkeypatch.setattr(connection, "_environment", lambda pid: {})
    assert connection.current() is None
