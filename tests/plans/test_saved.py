"""The file of a plan, what has moved on, and what turned out differently."""

import dataclasses
import json
import stat
import time

import pytest

from cdconf.errors import InvalidFile, PlanMoved, UsageError
from cdconf.events import HostResult, ResourceDone
from cdconf.inventory import load_environment, load_project
from cdconf.plans import unplanned
from cdconf.plans.applying import Applying
from cdconf.plans.changed_since import moves
from cdconf.plans.saved import HostPlan, PlanFinding, SavedPlan, read, save
from tests.conftest import cdconf

MOTD = PlanFinding("file", "/etc/motd", "would_change", "roles/base/role.yml:4", "w1", "f1", "created\n", None)
HOST = HostPlan("m", "c", (MOTD,))
PLAN = SavedPlan(
    "demo", "dev", 1.5, "me@here", "a" * 64, None, ("base",), ("greeting",), prune=False, hosts={"web1": HOST}
)


def test_what_is_saved_is_read_again_and_private(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("something older")
    path.chmod(0o644)
    save(PLAN, path)
    assert read(path) == PLAN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]
    assert json.loads(path.read_text())["version"] == 1


@pytest.mark.parametrize("place", ["", "nowhere/plan.json"])
def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path, place):
    with pytest.raises(UsageError, match="can't be written"):
        save(PLAN, tmp_path / place)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "isn't JSON"),
        ("[" * 100_000, "isn't JSON"),
        ("[]", "this isn't a plan"),
        ('{"format": "other"}', "this isn't a plan"),
        ('{"format": "cdconf-plan", "version": 2}', "plan of version 2, and this cdconf knows version 1"),
        ('{"format": "cdconf-plan", "version": 1, "limit": null}', "damaged: it has no 'project'"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path, text, message):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(InvalidFile) as caught:
        read(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "key", [one.name for one in dataclasses.fields(SavedPlan) if one.name not in ("prune", "limit")]
)
@pytest.mark.parametrize("value", [None, 7, [7], {"web1": 7}, {"web1": {"resources": [{}]}}])
def test_a_damaged_plan_is_one_clear_error(tmp_path, key, value):
    path = tmp_path / "plan.json"
    save(PLAN, path)
    document = json.loads(path.read_text())
    if key == "created_at" and value == 7:
        value = "yesterday"
    document[key] = value
    path.write_text(json.dumps(document))
    with pytest.raises(InvalidFile, match="damaged"):
        read(path)


def other(**changes):
    return HostPlan("m", "c", (dataclasses.replace(MOTD, **changes),))


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (HOST, None),
        (other(source="roles/base/role.yml:9", diff="words", message="words"), None),
        (other(wanted="w2"), "the files want something else of file /etc/motd [roles/base/role.yml:4]"),
        (other(status="ok"), "the host has moved: file /etc/motd was `would change`, and is `as it should be`"),
        (other(found="f2"), "the host has moved: file /etc/motd differs in another way than it did"),
        (other(title="/etc/issue"), "file /etc/issue is new [roles/base/role.yml:4]"),
        (HostPlan("m", "c", ()), "file /etc/motd was in the plan, and isn't there any more"),
        (HostPlan("m", "c2", (MOTD,)), "the files' catalog is another: the order of its resources, or a handler"),
        (HostPlan("m2", "c", (MOTD,)), "this isn't the host that was planned, or it was made anew"),
    ],
)
def test_what_has_moved_is_said(now, text):
    assert next(moves(HOST, now), None) == text


def applying(root, plan, **options):
    project = load_project(root)
    options = {"agent": "a" * 64, "max_age": 60.0, **options}
    return Applying(plan, project, load_environment(project, "dev"), **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"project": "other"}, "the plan is for the project 'other', not for 'demo'"),
        ({"environment": "production"}, "the plan is for the environment 'production', not for 'dev'"),
        ({"created_at": time.time() - 7200}, "the plan is 2 h old, and 60 s are allowed"),
        ({"created_at": time.time() + 7200}, "the plan was made in the future"),
        ({"created_at": float("nan")}, "the plan was made in the future"),
        ({"extra": ()}, "the plan was made with -e of nothing"),
        ({"agent": "b" * 64}, "isn't the one that made the plan"),
        ({"hosts": {}}, "things have moved on"),
    ],
)
def test_what_can_be_told_without_a_host_is_told(project, change, message):
    plan = dataclasses.replace(PLAN, **{"created_at": time.time(), **change})
    web1 = load_environment(load_project(project), "dev").hosts["web1"]
    applying(project, dataclasses.replace(PLAN, created_at=time.time())).check_plan([web1], ["greeting"])
    with pytest.raises(PlanMoved) as caught:
        applying(project, plan).check_plan([web1], ["greeting"])
    assert message in caught.value.message
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--plan", "nowhere.json"], 1, "can't be read: No such file"),
        (["--plan", "p.json", "--limit", "web1"], 1, "--limit and --plan exclude each other"),
        (["--plan", "p.json", "--check"], 1, "--check and --plan exclude each other"),
        (["--plan", "p.json", "--role", "base"], 1, "--role and --plan exclude each other"),
        (["--plan", "p.json", "--max-age", "soon"], 1, "--max-age 'soon' isn't a duration"),
        (["--plan", "p.json"], 3, "old, and 2"),
        (["--plan", "p.json", "--max-age", "99999d"], 3, "the plan was made with -e of greeting"),
    ],
)
def test_the_command_line(project, arguments, code, message):
    save(PLAN, project / "p.json")
    done = cdconf(project, "provision", "dev", *arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_a_plan_for_a_place_that_is_not_there_asks_no_host(project):
    done = cdconf(project, "plan", "dev", "--out", "nowhere/p.json")
    assert (done.returncode, "there is no directory for nowhere/p.json" in done.stderr) == (1, True)
    done = cdconf(project, "plan", "dev", "--out", "roles")
    assert (done.returncode, "roles is a directory" in done.stderr) == (1, True)


def done(title, status):
    return ResourceDone("web1", "file", title, status)


def test_what_turned_out_differently():
    result = HostResult("changed", resources=[done(f"/{one}", one) for one in ("changed", "ok", "skipped")])
    result.resources += [done("/was-unknown", "changed"), done("/planned", "changed"), done("/needless", "ok")]
    result.resources.append(done("/pruned", "changed"))
    said = {
        ("file", "/was-unknown"): "unknown",
        ("file", "/planned"): "would_change",
        ("file", "/needless"): "would_change",
        ("file", "/pruned"): "orphaned",
    }
    found = unplanned.surprises({"web1": said}, {"web1": result, "web2": result})
    assert [one.text for one in found] == [
        "file /changed was changed, which the plan didn't foresee",
        "file /was-unknown was changed; the plan couldn't know",
        "file /needless was as it should be; the plan said that it would change",
        "file /pruned was removed; the plan only said that it's orphaned",
    ]


def test_the_last_plan_is_remembered_for_a_day(tmp_path):
    result = HostResult("changed", resources=[done("/a", "would_change"), done("/b", "ok")])
    unplanned.remember(tmp_path, "dev", {"web1": result, "web2": HostResult("unreachable")})
    path = tmp_path / "plans/dev.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert unplanned.recall(tmp_path, "dev", before=time.time() - 60) is None  # shown while the run was at work
    assert unplanned.recall(tmp_path, "dev", before=time.time() + 60) is not None
    age, said = unplanned.recall(tmp_path, "dev")
    assert (age < 5, said) == (True, {"web1": {("file", "/a"): "would_change"}})
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "created_at": time.time() - 90_000}))
    assert unplanned.recall(tmp_path, "dev") is None
    path.write_text("{")
    assert unplanned.recall(tmp_path, "dev") is None
    unplanned.forget(tmp_path, "dev")
    unplanned.forget(tmp_path, "dev")
    assert unplanned.recall(tmp_path, "dev") is None
