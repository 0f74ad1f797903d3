"""What the live display shows: what runs now, how far it is, and since when."""

import pytest

from cdconf.events import HostDone, HostStep, ResourceDone, ResourcesBegin, RunStarted, Step
from cdconf.render.progress import LAST, Progress

RESOURCES = (("file", "/etc/motd"), ("package", "postgresql"), ("service", "postgresql"))


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def progress(clock):
    progress = Progress(lambda: clock[0])
    progress.note(RunStarted("provision", "dev", ("web1", "web2")))
    return progress


def done(progress, *which, status="ok", host="web1"):
    for place in which:
        progress.note(ResourceDone(host, *RESOURCES[place], status))


def shown(progress):
    return {one.host: one.step for one in progress.busy()}


def test_the_resource_that_runs_is_shown_not_the_one_that_ended_last(progress, clock):
    progress.note(ResourcesBegin("web1", RESOURCES))
    assert shown(progress)["web1"] == "1/3 file /etc/motd"
    clock[0] += 1
    done(progress, 0)
    clock[0] += 25
    (busy,) = [one for one in progress.busy() if one.host == "web1"]
    assert (busy.step, busy.seconds, busy.counts) == ("2/3 package postgresql", 25.0, (1, 0))
    assert progress.seconds == 26.0


def test_behind_the_last_resource_handlers_run(progress):
    progress.note(ResourcesBegin("web1", RESOURCES))
    done(progress, 0, 1, 2, status="changed")
    assert shown(progress)["web1"] == LAST
    progress.note(ResourceDone("web1", "handler", "restart postgresql", "changed"))
    assert shown(progress)["web1"] == LAST
    assert progress.busy()[0].counts == (0, 4)


def test_what_was_passed_over_is_not_shown_again(progress):
    progress.note(ResourcesBegin("web1", RESOURCES))
    done(progress, 1)
    assert shown(progress)["web1"] == "3/3 service postgresql"
    done(progress, 0)
    assert shown(progress)["web1"] == "3/3 service postgresql"


def test_two_resources_of_one_name_are_told_one_after_the_other(progress):
    progress.note(ResourcesBegin("web1", (RESOURCES[0], RESOURCES[0])))
    assert shown(progress)["web1"] == "1/2 file /etc/motd"
    done(progress, 0)
    assert shown(progress)["web1"] == "2/2 file /etc/motd"


def test_a_host_that_is_done_keeps_no_stale_step(progress):
    progress.note(ResourcesBegin("web1", RESOURCES))
    progress.note(HostDone("web1", "ok"))
    assert list(shown(progress)) == ["web2"]
    progress.note(Step("smoke tests"))
    assert list(shown(progress)) == ["web2"]
    progress.note(HostStep("web1", "rolling back"))
    assert shown(progress)["web1"] == "rolling back"


def test_what_is_no_resource_of_the_catalog_counts_and_shows_nothing(progress):
    progress.note(HostStep("web1", "applying"))
    progress.note(ResourceDone("web1", "release", "shop", "changed"))
    assert shown(progress)["web1"] == "applying"
    assert progress.busy()[0].counts == (0, 1)
