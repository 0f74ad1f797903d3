"""Throw-away environments as the inventory sees them: where they lie, how long they live, what they're made of."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdconf.errors import InvalidFile, UsageError
from cdconf.inventory import VariableFiles, check_variable_files, load_environment, load_project
from cdconf.inventory.throwaway import as_text, lifetime_of
from cdconf.own_files import DamagedFile
from tests.conftest import write

TIMES = "created: 2027-03-31T08:00:00Z\nexpires: 2027-03-31T12:00:00Z\n"


@pytest.fixture
def throwaway(project):
    """Defines a throw-away environment `try-1`; gives its project and what it loads as."""

    def make(hosts="copy_of: dev\nprovider: docker\n", times=TIMES, **files):
        write(project, {".cdconf/throwaway/try-1/hosts.yml": hosts, ".cdconf/throwaway/try-1/lifetime.yml": times})
        write(project, files)
        return load_environment(load_project(project), "try-1")

    make.root = project
    return make


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("4h", 14400), ("1s", 1), ("1.5h", 5400), ("2d", 172800), ("30d", 2592000)]
)
def test_a_time_to_live_is_a_duration(text, seconds):
    assert lifetime_of(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "4", "0h", "-4h", "4 h", "4x", "forever", "1e3h", "4h30m", "NaNh", "٤h"])
def test_nonsense_is_no_time_to_live(text):
    with pytest.raises(UsageError, match="isn't how long an environment can live"):
        lifetime_of(text)


@pytest.mark.parametrize("text", ["30.1d", "721h", "99999999999999999999d"])
def test_nothing_that_is_thrown_away_lives_for_ever(text):
    with pytest.raises(UsageError, match="more than the 30 days"):
        lifetime_of(text)


def test_it_is_an_environment_like_any_other_with_an_end(throwaway):
    made = throwaway()
    assert (made.name, made.provider, made.copy_of, list(made.hosts)) == ("try-1", "docker", "dev", ["db1", "web1"])
    assert made.throwaway.expires == datetime(2027, 3, 31, 12, tzinfo=UTC)
    assert made.throwaway.is_over(made.throwaway.expires)
    assert not made.throwaway.is_over(made.throwaway.expires - timedelta(seconds=1))
    project = load_project(throwaway.root)
    assert project.environments() == ("dev", "try-1")
    assert project.filed() == ("dev",)
    assert load_environment(project, "dev").throwaway is None


def test_times_are_written_as_they_are_read(throwaway):
    moment = datetime(2027, 3, 31, 14, 0, 0, 999, tzinfo=UTC)
    made = throwaway(times=f"created: {as_text(moment)}\nexpires: 2027-03-31T14:00:00+02:00\n")
    assert made.throwaway.created == moment.replace(microsecond=0)
    assert made.throwaway.expires == datetime(2027, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("created: soon\nexpires: 2027-03-31T12:00:00Z\n", "lifetime.yml:1: 'created' must be a time"),
        ("created: 2027-03-31T12:00:00Z\nexpires: 2027-03-31T12:00:00\n", "lifetime.yml:2: 'expires' must be a time"),
        ("created: 2027-03-31T12:00:00Z\n", "lifetime.yml has no 'expires'"),
        ("expires: 2027-03-31T12:00:00Z\nforever: true\n", "unknown key 'forever'"),
    ],
)
def test_a_damaged_lifetime_has_a_file_and_a_line(throwaway, times, message):
    with pytest.raises(InvalidFile, match=r"throwaway/try-1/lifetime\.yml") as caught:
        throwaway(times=times)
    assert message in str(caught.value)


def test_a_name_that_has_a_file_as_well_is_nobodys(throwaway):
    with pytest.raises(InvalidFile, match="a throw-away environment 'try-1', and inventories/try-1") as caught:
        throwaway(**{"inventories/try-1/hosts.yml": "copy_of: dev\nprovider: docker\n"})
    assert "cdconf destroy try-1" in caught.value.hint


def test_files_dont_depend_on_what_is_there_for_a_while_only(throwaway):
    throwaway(**{"inventories/copy/hosts.yml": "copy_of: try-1\nprovider: docker\n"})
    project = load_project(throwaway.root)
    with pytest.raises(InvalidFile, match="there is no environment 'try-1' to copy") as caught:
        load_environment(project, "copy")
    assert "copy what it copies" in caught.value.hint
    write(throwaway.root, {"inventories/copy/hosts.yml": "copy_of: dev\nrequire: [{parity: try-1}]\n"})
    with pytest.raises(InvalidFile, match="there is no environment 'try-1' to compare copy with"):
        load_environment(project, "copy")


def test_half_a_definition_is_no_environment(project):
    write(project, {".cdconf/throwaway/.try-1/hosts.yml": "copy_of: dev\n"})
    assert load_project(project).environments() == ("dev",)


def test_it_follows_its_original(throwaway):
    throwaway()
    write(throwaway.root, {"inventories/dev/hosts.yml": "hosts:\n  web7: {address: 192.0.2.7, groups: [web]}\n"})
    assert list(load_environment(load_project(throwaway.root), "try-1").hosts) == ["web7"]


def test_its_own_variables_win_over_what_originals_give_all_their_copies(throwaway):
    files = {
        "inventories/dev/group_vars/all.yml": "greeting: dev\n",
        "inventories/dev/throwaway.yml": "greeting: a copy of dev\n",
        "inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\n",
        "inventories/copy/host_vars/web1.yml": "greeting: web1 of copy\n",
        "inventories/copy/throwaway.yml": "greeting: a copy of copy\n",
        ".cdconf/throwaway/try-1/group_vars/all.yml": "greeting: my own\n",
    }
    made = throwaway("copy_of: copy\nprovider: docker\n", **files)
    layers = VariableFiles(load_project(throwaway.root), made).layers(made.hosts["web1"], {"greeting": "now"})
    assert [(one.source, one.copied) for one in layers] == [
        ("inventories/dev/group_vars/all.yml", True),
        ("inventories/copy/host_vars/web1.yml", True),
        ("inventories/dev/throwaway.yml", False),
        ("inventories/copy/throwaway.yml", False),
        (".cdconf/throwaway/try-1/group_vars/all.yml", False),
        ("-e", False),
    ]


def test_copies_that_have_a_file_get_nothing_of_what_is_for_throwaway_ones(project):
    write(
        project,
        {
            "inventories/dev/throwaway.yml": "greeting: for a while\n",
            "inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\n",
        },
    )
    loaded = load_project(project)
    for name in ("dev", "copy"):
        environment = load_environment(loaded, name)
        assert VariableFiles(loaded, environment).layers(environment.hosts["web1"]) == []


def test_a_broken_file_for_copies_is_found_where_it_stands(project):
    write(project, {"inventories/dev/throwaway.yml": "fine: 1\nnot-a-name: 2\n"})
    loaded = load_project(project)
    (error,) = check_variable_files(loaded, load_environment(loaded, "dev"))
    assert (error.file, error.line) == ("inventories/dev/throwaway.yml", 2)


@pytest.mark.parametrize("text", ["", "x", "0A0B0C0D", "0a0b0c0d0a", "\0" * 8, "../../..", "[" * 100_000])
def test_a_damaged_name_of_the_checkout_is_said_and_stays(project, text):
    loaded = load_project(project)
    path = loaded.data / "checkout"
    path.write_text(text)
    with pytest.raises(DamagedFile, match=r"\.cdconf/checkout: this checkout's id can't be read"):
        _ = loaded.checkout
    assert path.read_text() == text


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/nonexistent/x")])
def test_what_is_in_the_place_of_the_checkouts_name_is_no_name(project, make):
    loaded = load_project(project)
    path = loaded.data / "checkout"
    make(path)
    with pytest.raises(DamagedFile, match="checkout"):
        _ = loaded.checkout
    assert not path.is_file()


def test_two_first_runs_agree_on_the_name_of_the_checkout(project, monkeypatch):
    loaded = load_project(project)
    lexists = os.path.lexists

    def look(path):
        found = lexists(path)
        if Path(path).name == "checkout" and not found:
            Path(path).write_text("0a0b0c0d\n")  # by the other run, between this one's look and its own writing
        return found

    monkeypatch.setattr(os.path, "lexists", look)
    assert loaded.checkout == "0a0b0c0d"
    assert {path.name for path in loaded.data.iterdir()} == {".gitignore", "checkout"}
