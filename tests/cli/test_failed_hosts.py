"""A run that ended with failures on hosts says so at its end: the first one, its place, and how many there are."""

import pytest

from cdconf.cli.failed_hosts import summed_up
from cdconf.events import HostResult, ResourceDone

LOST = ("file", "/etc/a", "roles/r/role.yml:9")


def failed(title, message="no unit\nmore", source="roles/r/role.yml:7"):
    return ResourceDone("web1", "service", title, "failed", source, None, message)


def host(*resources, status="failed", **about):
    return HostResult(status, resources=list(resources), **about)


@pytest.mark.parametrize("code", [0, 2, 3])
def test_other_ends_have_no_such_error(code):
    assert summed_up({"web1": host(failed("cron"))}, code) is None


def test_the_first_failure_is_named_with_its_place_and_the_others_are_counted():
    hosts = {"web1": host(failed("cron"), failed("nginx"), not_attempted=(LOST,)), "web2": host(error="a full disk\nx")}
    found = summed_up(hosts, 1)
    assert (found.kind, found.message) == ("hosts_failed", "web1: service cron failed: no unit (and 2 more failures)")
    assert (found.file, found.line, found.hint) == ("roles/r/role.yml", 7, "1 resource was not attempted")


@pytest.mark.parametrize("source", ["", ":", "x:", "x:\u00b2", "x:" + "9" * 5000, "x", ":1"])
def test_a_place_that_is_none_is_left_out(source):
    found = summed_up({"web1": host(failed("cron", source=source))}, 1)
    assert (found.file, found.line) == (None, None)


@pytest.mark.parametrize("said", ["", "\n"])
def test_a_host_that_gives_no_reason_has_failed_all_the_same(said):
    hosts = {"web1": host(failed("cron", message=said)), "web2": host(error=said)}
    assert "web1: service cron failed" in summed_up(hosts, 1).message


def test_a_host_that_is_unreachable_is_an_error_of_its_own():
    found = summed_up({"web1": host(status="ok"), "web2": host(status="unreachable", error="no route")}, 4)
    assert (found.exit_code, str(found), found.file) == (4, "web2: no route", None)


def test_nothing_is_made_up_where_no_host_failed():
    assert summed_up({"web1": host(status="not_attempted")}, 4) is None
