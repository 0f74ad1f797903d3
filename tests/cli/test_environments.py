"""How environments are listed: age, end, and what runs there."""

from datetime import UTC, datetime, timedelta

import pytest

from cdconf.cli.show.environment_rows import LastDeployed, about, row_of
from cdconf.environments.listing import ListedEnvironment
from cdconf.environments.provider import HostCounts
from cdconf.errors import InvalidFile
from cdconf.inventory import Environment, Host
from cdconf.inventory.model import Throwaway


def ago(hours):
    return datetime.now(UTC) - timedelta(hours=hours)


def deployed(version="1.4", hours=1.0, environment="try-1", app="shop"):
    started = ago(hours).timestamp()
    return {"environment": environment, "app": app, "version": version, "started_at": started, "user": "ci"}


def listed(provider="docker", created=None, ends=None, made=1, defined=None):
    lifetime = Throwaway(ago(defined or 1), ago(-ends)) if ends else None
    environment = Environment("try-1", provider, "dev", {"web1": Host("web1", ("web",))}, [], "", throwaway=lifetime)
    at = ago(created).isoformat() if created is not None else None
    return ListedEnvironment("try-1", ends is not None, environment, HostCounts(1, made, made, at))


def words(one, *rows):
    return row_of(one, LastDeployed(list(rows)).of(one))


def test_a_throw_away_environment_is_listed_with_its_end():
    assert words(
        listed(created=5, ends=3.1), deployed(), deployed("2", app="admin"), deployed("9", environment="x")
    ) == [
        "try-1",
        "docker",
        "dev",
        "1 of 1 running",
        "5 h",
        "in 3 h",
        "shop 1.4, admin 2",
    ]


@pytest.mark.parametrize(("ends", "text"), [(-3, "over since 3 h"), (0.525, "in 31 min"), (3.5, "in 3 h")])
def test_an_end_is_said_of_what_was_and_what_will_be(ends, text):
    assert words(listed(created=5, ends=ends))[5] == text


def test_what_ran_on_hosts_that_have_been_removed_runs_no_more():
    assert words(listed(created=2), deployed(hours=3))[6] == ""
    assert words(listed(created=None, made=0), deployed(hours=3))[6] == ""
    assert words(listed("existing"), deployed(hours=3))[6] == "shop 1.4"


def test_without_hosts_it_is_as_old_as_its_definition():
    assert words(listed(made=0, ends=1, defined=4))[4] == "4 h"
    assert words(listed(made=0))[4] == ""


def test_what_is_listed_is_data_too():
    one = listed(created=5, ends=-1)
    row = deployed()
    data = about(one, LastDeployed([row]).of(one))
    assert (data["throwaway"], data["expired"], data["running"], data["provider"]) == (True, True, 1, "docker")
    assert data["runs"]["shop"] == {
        "version": "1.4",
        "since": datetime.fromtimestamp(row["started_at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": "ci",
        "source": "history",
    }


def test_one_that_cannot_be_read_says_why():
    one = ListedEnvironment("dev", False, error=InvalidFile("no", file="inventories/dev/hosts.yml", line=3))
    assert words(one) == ["dev", "?", "", "", "", "", "can't be read: inventories/dev/hosts.yml:3: no"]
    assert about(one, LastDeployed().of(one))["line"] == 3
