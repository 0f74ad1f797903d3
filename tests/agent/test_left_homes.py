"""Homes that removed users left: whose they are, and what of them is given away."""

import os
import stat

import pytest

from cdconf.agent.system import left_homes

LEFT, NEW, OTHER = 45671, 45672, 45673
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives away")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(left_homes.files, "on_roots_alone", lambda path: True)
    place = tmp_path / "home"
    place.mkdir()
    os.chown(place, LEFT, LEFT)
    return place


def test_belongs_to_nobodys_number(home):
    assert left_homes.owner(str(home)) == LEFT
    assert left_homes.owner(str(home / "none")) is None


@pytest.mark.parametrize("uid", [0, 1, 99, 65534, 4294967294])
def test_somebodys_and_the_systems_own_numbers_are_never_taken(home, uid):
    os.chown(home, uid, uid)
    assert left_homes.owner(str(home)) is None


def test_a_link_is_no_home(home):
    link = home.parent / "link"
    link.symlink_to(home)
    os.chown(link, LEFT, LEFT, follow_symlinks=False)
    assert left_homes.owner(str(link)) is None


def test_where_others_could_have_put_it_nobody_left_it(home, monkeypatch):
    monkeypatch.setattr(left_homes.files, "on_roots_alone", lambda path: False)
    assert left_homes.owner(str(home)) is None


def test_gives_what_the_number_left_and_nothing_else(home):
    secret = home.parent / "secret"
    secret.write_text("root's")
    (home / "d").mkdir()
    for name, uid in {"d": LEFT, "d/mine": LEFT, "roots": 0, "others": OTHER, "setuid": LEFT}.items():
        (home / name).exists() or (home / name).write_text("x")
        os.chown(home / name, uid, uid)
    (home / "setuid").chmod(0o4755)
    (home / "hard").hardlink_to(secret)
    (home / "soft").symlink_to(secret)
    os.chown(home / "soft", LEFT, LEFT, follow_symlinks=False)
    left_homes.give(str(home), LEFT, "nobody", NEW, NEW)
    owners = {name: (home / name).lstat().st_uid for name in ("", "d", "d/mine", "roots", "others", "hard", "soft")}
    assert owners == {"": NEW, "d": NEW, "d/mine": NEW, "roots": 0, "others": OTHER, "hard": 0, "soft": LEFT}
    assert home.stat().st_gid == NEW
    assert stat.S_IMODE((home / "setuid").stat().st_mode) == 0o755
