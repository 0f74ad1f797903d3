"""How values of INI files go on over several lines, by the file's kind."""

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.edit import settings
from cdconf.agent.edit.dotted import NotEditable
from cdconf.agent.edit.edit_ini import Editor
from cdconf.agent.edit.ini_kinds import continuation_of

INDENTED = "[Unit]\nDescription=x\n  After=a\n"


def get(path, key, text, section="Unit", **more):
    return settings.get({"path": path, "section": section, "key": key, **more}, text)


def put(path, key, value, text, section="Unit", **more):
    return settings.put({"path": path, "section": section, "key": key, "value": value, **more}, text)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc/systemd/system/a.service", "systemd"),
        ("/etc/systemd/system/a.service.d/limits.conf", "systemd"),
        ("/run/systemd/system/a.timer.d/x.conf", "systemd"),
        ("/etc/systemd/journald.conf", "systemd"),
        ("/srv/a.network", "systemd"),
        ("/etc/mysql/my.cnf", "none"),
        ("/etc/mysql/conf.d/x.ini", "none"),
        ("/usr/share/applications/a.desktop", "none"),
        ("/etc/php/8.2/fpm/php.ini", "none"),
        ("/etc/ssl/openssl.cnf", "backslash"),
        ("/etc/gitconfig", "backslash"),
        ("/srv/app/.git/config", "backslash"),
        ("/etc/yum.repos.d/a.repo", "indented"),
        ("/srv/app/tox.ini", "indented"),
        ("/srv/app/setup.cfg", "indented"),
        ("/etc/fail2ban/jail.local", "indented"),
        ("/srv/app/settings.ini", None),
        ("/etc/app.conf", None),
    ],
)
def test_the_name_says_how_values_go_on(path, kind):
    assert continuation_of(path) == kind


def test_an_indented_line_is_a_key_of_a_unit():
    path = "/etc/systemd/system/a.service"
    assert get(path, "After", INDENTED) == "a"
    assert put(path, "After", "b", INDENTED) == INDENTED.replace("After=a", "After=b")
    assert put(path, "Description", "y", INDENTED) == INDENTED.replace("=x", "=y")
    assert settings.remove({"path": path, "section": "Unit", "key": "After"}, INDENTED) == "[Unit]\nDescription=x\n"


def test_an_indented_line_goes_on_with_a_value_of_configparser():
    path = "/srv/tox.ini"
    assert get(path, "After", INDENTED) is settings.MISSING
    assert get(path, "Description", INDENTED) == "x ..."
    assert put(path, "After", "b", INDENTED) == INDENTED + "After=b\n"
    with pytest.raises(NotEditable, match=r"goes over several lines$"):
        put(path, "Description", "y", INDENTED)


def test_where_nobody_knows_what_a_line_is_it_is_asked_for():
    path = "/etc/app.ini"
    with pytest.raises(NotEditable, match=r"line 3 may be 'After', or go on with the value above: .*`continuation`"):
        get(path, "After", INDENTED)
    with pytest.raises(NotEditable, match="`continuation`"):
        put(path, "Description", "y", INDENTED)
    assert get(path, "After", INDENTED, continuation="none") == "a"
    assert get(path, "After", INDENTED, continuation="indented") is settings.MISSING
    # What can't be anything else needs no answer.
    assert get(path, "Description", INDENTED.replace("  After", "After")) == "x"
    assert put(path, "c", "3", "[Unit]\n  a=1\n  b=2\n") == "[Unit]\n  a=1\n  b=2\n  c=3\n"


def test_a_backslash_goes_on_where_the_program_says_so():
    text = "[Unit]\nExecStart=a \\\n  # c\n  After=b\nWants=c\n"
    assert get("/etc/systemd/system/a.service", "After", text) is settings.MISSING
    assert get("/etc/systemd/system/a.service", "ExecStart", text) == "a \\ ..."
    assert get("/etc/systemd/system/a.service", "Wants", text) == "c"
    assert get("/etc/gitconfig", "After", text) == "b"  # git's comment ends the value
    windows = "[mysqld]\ndatadir=C:\\data\\\nport=3306\n"
    assert get("/etc/mysql/my.cnf", "port", windows, "mysqld") == "3306"
    assert put("/etc/mysql/my.cnf", "datadir", "/srv", windows, "mysqld") == "[mysqld]\ndatadir=/srv\nport=3306\n"
    with pytest.raises(NotEditable, match="`continuation`"):
        get("/etc/app.ini", "port", windows, "mysqld")


def test_no_comment_stands_behind_a_value_of_a_unit():
    text = "[Unit]\nDescription=a # b\n"
    assert put("/etc/systemd/system/a.service", "Description", "c", text) == "[Unit]\nDescription=c\n"
    with pytest.raises(NotEditable, match="inline_comments"):
        put("/etc/app.ini", "Description", "c", text)


def test_other_blanks_than_ascii_s_are_part_of_a_value():
    text = "[Unit]\nDescription=\u00a0x\u2003\n\u00a0After=a\n"
    assert get("/etc/systemd/system/a.service", "Description", text) == "\u00a0x\u2003"
    assert get("/etc/systemd/system/a.service", "After", text) is settings.MISSING


LINES = st.sampled_from(["a=1", " a=2", "  b=3", "", "# c", "  # d", "    x", "b = 4", "c=5"])


@given(st.lists(LINES, max_size=8), st.sampled_from("abc"))
def test_configparser_s_files_are_read_as_configparser_reads_them(lines, key):
    text = "\n".join(["[s]", *lines, ""])
    parser = configparser.RawConfigParser(strict=False, delimiters="=", comment_prefixes=("#", ";"))
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    wanted = parser["s"].get(key)
    values = Editor(text, "s", key, continuation="indented").values()
    assert (wanted is None) == (not values)
    if values and "\n" not in wanted:
        assert values[-1] == wanted
    elif values:
        assert values[-1] == wanted.partition("\n")[0] + " ..."
