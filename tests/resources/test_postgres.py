"""SQL made of fields, what the server stores, and passwords."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.commands.execute import Result
from cdconf.agent.crypto import saslprep
from cdconf.agent.errors import Down, Failed, Missing
from cdconf.agent.system import postgres
from cdconf.resources.postgres_database import agent as database
from cdconf.resources.postgres_role import agent as role


@given(st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text))
def test_texts_are_quoted_whole(text):
    name = postgres.identifier(text)
    assert name[1:-1].replace('""', '"') == text
    quoted = postgres.literal(text)
    inside = quoted[2:-1] if quoted.startswith("E") else quoted[1:-1]
    assert inside.replace("''", "'").replace("\\\\", "\\") == text


def test_another_database_of_any_name():
    assert postgres.connect("shop") == "\\connect -reuse-previous=on \"dbname='shop'\""
    assert postgres.connect("a\"b'c\\") == '\\connect -reuse-previous=on "dbname=\'a""b\\\'c\\\\\'"'


def test_settings_as_the_server_stores_them():
    stored = ['search_path=app, "$user", "a, b"', "work_mem=8MB", "App.note=x=y"]
    wanted = {"search_path": ["app"], "work_mem": "4MB", "app.note": "", "jit": "on"}
    assert postgres.settings(wanted, stored) == {
        "search_path": ["app", "$user", "a, b"],
        "work_mem": "8MB",
        "app.note": "x=y",
    }
    assert postgres.settings(wanted, None) == {}


class Psql:
    """In place of `run`: psql's answers, one after the other, and what pg_isready says."""

    def __init__(self, *answers, ready=0):
        self.answers, self.ready = list(answers), ready

    def __call__(self, argv, **options):
        return Result(self.ready, "", "") if argv[0] == "pg_isready" else Result(*self.answers.pop(0))


LOST = 'psql: error: connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: '


def test_a_server_that_refuses_somebody_is_not_down(monkeypatch):
    monkeypatch.setattr(postgres, "run", Psql((2, "", LOST + "fe_sendauth: no password supplied\n")))
    with pytest.raises(Failed, match="PostgreSQL refused it") as caught:
        postgres.rows("SELECT 1")
    assert not isinstance(caught.value, Missing)
    assert "no password supplied" in caught.value.text()


def test_a_server_that_does_not_answer_is_down(monkeypatch):
    said = LOST + "No such file or directory\n\tIs the server running locally and accepting connections?\n"
    monkeypatch.setattr(postgres, "run", Psql((2, "", said)))
    with pytest.raises(Down):
        postgres.rows("SELECT 1")


def test_a_server_that_starts_is_waited_for_whatever_its_language(monkeypatch):
    starting = (2, "", LOST + "FATAL:  das Datenbanksystem startet gerade\n")
    monkeypatch.setattr(postgres, "run", Psql(starting, starting, (0, "[]", ""), ready=1))
    monkeypatch.setattr(postgres.time, "sleep", lambda seconds: None)
    assert postgres.rows("SELECT 1") == []


def test_a_new_role_and_its_parts():
    fields = {
        "name": "a",
        "login": True,
        "member_of": ["x", "y"],
        "settings": {"jit": "off", "search_path": ["a", "b"]},
    }
    difference = {"exists": (False, True), "login": (None, True), "member_of": (None, fields["member_of"])}
    difference["settings"] = (None, fields["settings"])
    assert role.statements(fields, difference) == [
        'CREATE ROLE "a" WITH LOGIN',
        'GRANT "x" TO "a"',
        'GRANT "y" TO "a"',
        'ALTER ROLE "a" SET "jit" TO \'off\'',
        "ALTER ROLE \"a\" SET \"search_path\" TO 'a', 'b'",
    ]


def test_only_what_differs_is_altered():
    fields = {"name": "a", "login": True, "member_of": ["y"], "settings": {"jit": "off", "work_mem": "8MB"}}
    difference = {"member_of": (["x"], ["y"]), "settings": ({"jit": "off"}, fields["settings"])}
    assert role.statements(fields, difference) == [
        'REVOKE "x" FROM "a"',
        'GRANT "y" TO "a"',
        'ALTER ROLE "a" SET "work_mem" TO \'8MB\'',
    ]


def test_a_database_is_dropped_only_by_force():
    gone = {"exists": (True, False)}
    with pytest.raises(Failed, match="force: true"):
        database.statements({"name": "a"}, gone)
    assert database.statements({"name": "a", "force": True}, gone, " WITH (FORCE)") == [
        'DROP DATABASE "a" WITH (FORCE)'
    ]


def test_what_is_fixed_cannot_change():
    with pytest.raises(Failed, match="the ctype of an existing"):
        database.statements({"name": "a", "encoding": "UTF8", "ctype": "C"}, {"ctype": ("de_DE", "C")})


def test_extensions_are_made_inside_their_database():
    fields = {"name": "a", "encoding": "UTF8", "extensions": ["x", "y"]}
    made = database.statements(fields, {"extensions": (["x"], ["x", "y"])})
    assert made == [postgres.connect("a"), 'CREATE EXTENSION IF NOT EXISTS "y"', postgres.connect("postgres")]


def test_a_password_fits_its_own_verifier_alone():
    stored = postgres.verifier("pässword")
    assert postgres.fits("pässword", stored)
    assert not postgres.fits("other", stored)
    assert not postgres.fits("pässword", "md5abc")


@pytest.mark.parametrize(
    ("password", "prepared"),
    [
        ("plain \t pass", "plain \t pass"),
        ("pass\u00a0word", "pass word"),
        ("I\u00adX \u2168", "IX IX"),
        ("a\u0301\uff21\ufb01", "\u00e1Afi"),
        ("\u200b", " "),  # a space for the profile, whatever Unicode calls it now
        ("\u0627\u0628", "\u0627\u0628"),
        # What the profile doesn't allow counts as it is: nothing left, controls, unassigned, two directions.
        ("\u00ad", "\u00ad"),
        ("\u00a0\x7f", "\u00a0\x7f"),
        ("\u00a0\U0001f600", "\u00a0\U0001f600"),
        ("\u0627\u00a0b", "\u0627\u00a0b"),
        ("\u0627\u00a01", "\u0627\u00a01"),
        # PostgreSQL looks for what's prohibited before it normalises.
        ("\u0340x", "\u0340x"),
    ],
)
def test_passwords_are_prepared_as_the_server_prepares_them(password, prepared):
    assert saslprep.prepared(password) == prepared
    assert postgres.fits(password, postgres.verifier(password))
    # Made by PostgreSQL 15 of `pass\u00a0word`.
    known = "SCRAM-SHA-256$4096:JPiujP0L+mmqUSoFtZX2VA==$"
    known += "TN1dApf7y5gCrNVllT08UO6nxYO8KZcDn8YOMNU6Ma0=:CzogoYZW2OVDbDfVR5ocb0KZML4zAs15cAt/28KSCLw="
    assert postgres.fits(password, known) is (prepared == "pass word")
