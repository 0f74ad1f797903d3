"""passwd, shadow and group: what is read, and what's written where there is no useradd."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.errors import Failed
from cdconf.agent.system import account_files, accounts


@pytest.fixture
def etc(tmp_path):
    (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n+@nis\nada:x:1000:1000:Ada,,:/home/ada:/bin/sh")
    (tmp_path / "shadow").write_text("root:*:1::::::\nada:!$6$salt$hash:19000:0:99999:7::21915:\n")
    (tmp_path / "group").write_text("root:x:0:\nada:x:1000:\nwheel:x:10:root,ada\nfull:x:999:\n")
    return str(tmp_path)


def read(etc, name):
    return Path(etc, name).read_text()


def test_what_is_there_is_read(etc):
    assert accounts.user("ada", etc) == {
        "uid": 1000,
        "gid": 1000,
        "comment": "Ada,,",
        "home": "/home/ada",
        "shell": "/bin/sh",
    }
    assert accounts.user("bob", etc) is None
    assert accounts.groups_of("ada", etc) == ["wheel"]
    known = accounts.password("ada", etc)
    assert known == {"password": "!$6$salt$hash", "hash": "$6$salt$hash", "locked": True, "expires": "2030-01-01"}
    assert accounts.password("root", etc)["hash"] == "*"


@given(st.integers(0, 2_900_000))
def test_dates_survive_shadow(days):
    assert accounts.days_of(accounts.date_of(str(days))) == str(days)


@pytest.mark.parametrize("text", ["", "-1", "99999999999"])
def test_what_is_no_day_is_never(text):
    assert accounts.date_of(text) == accounts.NEVER


def test_a_user_is_made_beside_the_others(etc):
    account_files.put_group("bob", etc=etc)
    account_files.put_user("bob", {"gid": 1001, "shell": "/bin/false"}, etc=etc)
    account_files.set_groups("bob", ["wheel"], etc)
    account_files.put_shadow("bob", "$6$a$b", "2031-12-31", etc)
    assert read(etc, "passwd").splitlines()[1:] == [
        "+@nis",
        "ada:x:1000:1000:Ada,,:/home/ada:/bin/sh",
        "bob:x:1001:1001::/home/bob:/bin/false",
    ]
    assert "wheel:x:10:root,ada,bob\n" in read(etc, "group")
    assert read(etc, "shadow").endswith("bob:$6$a$b::0:99999:7::22644:\n")


def test_a_change_keeps_the_rest_of_the_record(etc):
    account_files.put_user("ada", {"shell": "/bin/bash"}, etc=etc)
    account_files.put_shadow("ada", expires="never", etc=etc)
    assert "ada:x:1000:1000:Ada,,:/home/ada:/bin/bash\n" in read(etc, "passwd")
    assert "ada:!$6$salt$hash:19000:0:99999:7:::\n" in read(etc, "shadow")


def test_ages_are_those_of_the_record_and_an_empty_one_is_no_limit(etc):
    account_files.put_shadow("ada", ages={"password_max": 60, "password_inactive": -1, "password_warn": 0}, etc=etc)
    assert "ada:!$6$salt$hash:19000:0:60:0::" in read(etc, "shadow")
    found = {one: accounts.age("ada", one, etc) for one in accounts.AGES}
    assert found == {"password_min": 0, "password_max": 60, "password_warn": 0, "password_inactive": -1}
    account_files.put_shadow("ada", ages={"password_max": -1}, etc=etc)
    assert accounts.age("ada", "password_max", etc) == -1
    assert accounts.age("nobody-there", "password_max", etc) == -1


def test_a_removed_user_leaves_no_trace_and_takes_its_own_group_along(etc):
    account_files.remove_user("ada", etc)
    assert "ada" not in read(etc, "passwd") + read(etc, "shadow") + read(etc, "group")
    assert "wheel:x:10:root\n" in read(etc, "group")


def test_systems_numbers_are_given_out_from_the_top(etc):
    account_files.put_group("one", system=True, etc=etc)
    assert accounts.groups(etc)["one"] == (998, [])


def test_no_number_left_is_an_error():
    with pytest.raises(Failed, match="are taken"):
        account_files.free_number(set(range(100, 1000)), True)
