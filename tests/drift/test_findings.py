"""What the events of a look are worth as findings."""

from cdconf.drift.findings import CAUSES, DriftFinding, counted, findings_of
from cdconf.drift.summary import commands, summary
from cdconf.events import HostDone, ResourceDone


def done(title, status, **about):
    return ResourceDone(
        about.pop("host", "web1"), about.pop("type", "file"), title, status, "roles/app/role.yml:3", **about
    )


def test_what_is_as_it_should_be_is_no_finding():
    events = [done("/a", "ok"), done("/b", "skipped"), HostDone("web1", "ok")]
    assert findings_of(events) == []


def test_each_finding_has_what_its_event_says():
    (found,) = findings_of(
        [done("/a", "would_change", cause="by_hand", diff="mode: 0600 -> 0644\n", first_seen=7.0, evidence=["x"])]
    )
    assert found == DriftFinding(
        "web1",
        "file",
        "/a",
        "by_hand",
        "roles/app/role.yml:3",
        "mode: 0600 -> 0644\n",
        first_seen=7.0,
        evidence=("x",),
    )
    assert found.identity == ("web1", "file", "/a")


def test_a_handler_that_a_finding_makes_due_is_none_itself_and_one_that_was_left_behind_is():
    due = done("restart app", "would_change", type="handler", message="notified; runs at the end")
    left = done("reload nginx", "would_change", type="handler", cause="not_applied")
    assert [one.title for one in findings_of([due, left])] == ["reload nginx"]


def test_what_failed_or_cannot_be_looked_at_is_never_no_drift():
    found = findings_of([done("/a", "failed", message="no"), done("/b", "unknown", cause="unknown")])
    assert [(one.title, one.cause) for one in found] == [("/a", "unknown"), ("/b", "unknown")]


def test_an_orphan_is_of_its_own_kind():
    (found,) = findings_of([done("/old", "orphaned", cause="not_applied")])
    assert (found.type, found.title, found.cause) == ("orphan", "file /old", "not_applied")


def test_causes_are_counted_and_summed_up_without_what_is_waived():
    found = findings_of(
        [
            done("/a", "would_change", cause="by_hand"),
            done("/b", "would_change", cause="by_hand", host="web2"),
            done("/c", "failed"),
        ]
    )
    found.append(DriftFinding("web1", "file", "/d", "both", waived="known"))
    assert counted(found) == {"by_hand": 2, "not_applied": 0, "both": 0, "unknown": 1}
    assert summary(found) == [
        "by hand: 2 changed on the host since it was applied (web1, web2)",
        "unknown: 1 can't be told (web1)",
    ]


def test_a_line_names_few_hosts():
    found = [DriftFinding(f"web{number}", "file", "/a", "not_applied") for number in range(7)]
    assert summary(found) == [
        "not applied: 7 changed in the files, and not applied yet (web0, web1, web2, web3, web4 and 2 more)"
    ]


def test_the_commands_that_repair_findings_are_named_once_and_only_where_they_do():
    found = [DriftFinding("web1", "file", f"/{cause}", cause) for cause in CAUSES]
    assert commands([*found, *found], "dev --limit web") == [
        "to undo changes made by hand: `cdconf drift dev --limit web --fix`",
        "to apply the files: `cdconf provision dev --limit web`",
    ]
    left = [
        DriftFinding("web1", "file", "/a", "by_hand", waived="known"),
        DriftFinding("web1", "orphan", "file /b", "not_applied"),
        DriftFinding("web1", "release", "shop", "by_hand", repair="cdconf deploy shop --to dev"),
    ]
    assert commands(left, "dev") == []
