"""What 40 made-up releases say; every answer was worked out by hand, in minutes, and is exact."""

import pytest

from cdconf.pipeline.value_stream.dora import dora
from cdconf.pipeline.value_stream.model import KINDS
from cdconf.pipeline.value_stream.stream import stream
from tests.pipeline.value_stream.forty import DAY, NOW, forty
from tests.pipeline.value_stream.made_up import at

MIN = 60


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    made, ids = forty(tmp_path_factory.mktemp("forty") / "repository")
    known = made.known(NOW, "x2")
    return made, ids, known, {app: stream(known, app, at(0, "0:00")) for app in ("shop", "blog")}


def minutes(figures):
    return figures.n, figures.p50 and figures.p50 / MIN, figures.p85 and figures.p85 / MIN


def of_release(found, app, number):
    """Commit's name -> its way, in minutes, of those that count."""
    made, ids, _, streams = found
    names = {identity: name for name, identity in made.commits.items()}
    release = next(
        one for one in streams[app].releases if one.deployment.id == ids[number if app == "shop" else f"blog {number}"]
    )
    return {
        names[one.commit.id]: [
            (part.stage, part.kind, part.length / MIN, *(["stop"] if part.is_stop else [])) for part in one.segments
        ]
        for one in release.counted
    }


def plain(number, before=10):
    return [
        (None, "queue", before),
        ("commit", "work", 5),
        ("acceptance", "queue", 5),
        ("acceptance", "work", 30 + number),
        ("release", "people", 70),
        ("release", "queue", 5),
        ("release", "work", 10),
    ]


@pytest.mark.parametrize(
    ("number", "ways"),
    [
        (1, {"c1": plain(1)}),  # what came before the first release isn't known
        (2, {"c2": plain(2)}),
        (20, {"c20": plain(20)}),
        # from 15:00 and 16:00 to 09:10 on the next day; the merge is no change
        (21, {"f2": plain(21, 1030), "f1": plain(21, 1090)}),
        (22, {"c22": plain(22)}),  # a and b came and went together; c22 reverts what was in production
        (23, {"z2": plain(23), "z1": plain(23, 40)}),  # 08:30 UTC and 09:00 UTC
        # k1 is as old as what follows it says, k0 as old as z2: from 09:00 to 09:10 on the next day
        (24, {"k2": plain(24), "k1": plain(24), "k0": plain(24, 1450)}),
        (
            25,
            {
                "o": [
                    (None, "queue", 10),
                    ("commit", "work", 5),
                    ("performance", "work", 75),  # it ended later than acceptance, which it hides
                    ("manual", "people", 5),  # of 75; during the others something was done
                    ("manual", "work", 5),
                    ("release", "work", 10),
                ]
            },
        ),
        (
            26,
            {
                "s": [
                    (None, "queue", 10),
                    ("commit", "work", 5),
                    ("acceptance", "work", 30),
                    ("acceptance", "people", 3 * 1440, "stop"),
                    ("acceptance", "queue", 15),
                    ("acceptance", "work", 30),
                    ("release", "work", 10),
                ]
            },
        ),
        (
            27,
            {
                "u2": [
                    (None, "queue", 10),
                    ("commit", "work", 5),
                    ("acceptance", "work", 30),
                    ("release", "queue", 1045),  # from 15:35 to 09:00: a window opens by itself
                    ("release", "work", 10),
                ],
                "u1": [
                    (None, "queue", 10),
                    ("commit", "work", 5),
                    ("acceptance", "queue", 45),
                    ("commit", "work", 5),  # from here on its way is u2's
                    ("acceptance", "work", 30),
                    ("release", "queue", 1045),
                    ("release", "work", 10),
                ],
            },
        ),
        (
            28,
            {
                "v": [
                    (None, "queue", 10),
                    ("commit", "work", 2),  # what the runner did before its last word
                    ("commit", "queue", 48),
                    ("commit", "work", 5),
                    ("acceptance", "work", 30),
                    ("release", "work", 5),  # the canary
                    ("release", "queue", 20),
                    ("release", "work", 10),
                ]
            },
        ),
        (29, {"w2": plain(29), "w1": plain(29, 20)}),  # since they were rebased
        (30, {"c30": plain(30)}),
    ],
)
def test_the_way_of_each_commit_of_a_release_of_shop(found, number, ways):
    assert of_release(found, "shop", number) == ways


@pytest.mark.parametrize(
    ("number", "lengths"),
    [
        (1, {"c3": 570}),
        (2, {"c6": 570, "c5": 2010, "c4": 3450}),
        (7, {"f2": 1590, "f1": 1650, "c20": 2010, "c19": 3450}),
        (8, {"k2": 570, "k1": 570, "k0": 2010, "z2": 2010, "z1": 2040, "c22": 3450}),
        (9, {"u2": 1660, "u1": 1710, "s": 6330, "o": 7770}),
        (10, {"c30": 570, "w2": 2010, "w1": 2020, "v": 3450}),
    ],
)
def test_the_way_of_each_commit_of_a_release_of_blog(found, number, lengths):
    """Nobody knows what was done to it but the last half hour."""
    ways = {name: [(None, "queue", of - 30), ("release", "work", 30)] for name, of in lengths.items()}
    assert of_release(found, "blog", number) == ways


def test_all_changes_of_shop(found):
    whole = found[3]["shop"].whole
    assert minutes(whole.lead) == (36, 151, 1100)
    assert {one.stage: {kind: one.totals[kind] / MIN for kind in KINDS} for one in whole.steps} == {
        None: {"work": 0, "queue": 3940, "people": 0},
        "commit": {"work": 187, "queue": 48, "people": 0},
        "acceptance": {"work": 1560, "queue": 215, "people": 4320},
        "performance": {"work": 75, "queue": 0, "people": 0},
        "manual": {"work": 5, "queue": 0, "people": 5},
        "release": {"work": 365, "queue": 2265, "people": 2170},
    }
    assert [one.stage for one in whole.steps] == [None, "commit", "acceptance", "performance", "manual", "release"]
    steps = {one.stage: one for one in whole.steps}
    assert minutes(steps[None].figures["queue"]) == (36, 10, 10)
    assert minutes(steps["acceptance"].figures["work"]) == (36, 44, 54)
    assert minutes(steps["release"].figures["people"]) == (36, 70, 70)
    assert whole.total == 15155 * MIN
    assert whole.idle == pytest.approx(12963 / 15155, abs=1e-12)
    assert whole.stopped == 3 * DAY
    assert (whole.bottleneck.stage, whole.bottleneck.kind) == ("acceptance", "people")
    assert whole.bottleneck.share == pytest.approx(4320 / 15155, abs=1e-12)


def test_all_changes_of_blog(found):
    whole = found[3]["blog"].whole
    assert minutes(whole.lead) == (34, 2010, 3450)
    assert (whole.bottleneck.stage, whole.bottleneck.kind) == (None, "queue")
    assert whole.total - whole.idle * whole.total == pytest.approx(34 * 30 * MIN)


def test_the_parts_sum_to_the_whole(found):
    for one in found[3].values():
        changes = [change for release in one.releases for change in release.changes]
        assert len(changes) > 30
        for change in changes:
            assert sum(part.length for part in change.segments) == pytest.approx(change.length, abs=0.001)
            assert change.segments[0].begins == change.began
            assert change.segments[-1].ends == change.verified
            assert all(
                one.ends == other.begins for one, other in zip(change.segments, change.segments[1:], strict=False)
            )


def test_what_is_said_of_commits_that_are_not_counted_or_whose_clock_was_wrong(found):
    made, _, _, streams = found
    names = {identity: name for name, identity in made.commits.items()}
    changes = [change for release in streams["shop"].releases for change in release.changes]
    assert {names[one.commit.id]: one.left_out for one in changes if one.left_out} == {
        "merged": "merge",
        "a": "reverted",
        "b": "reverted",
    }
    corrected = {names[one.commit.id]: one.clock for one in streams["shop"].clocks}
    assert corrected == {"k0": at(23, "9:00") - 3600, "k1": at(24, "9:00") - at(27, "10:00")}
    rebased = [names[one.commit.id] for one in changes if one.commit.at - one.commit.authored_at > DAY]
    assert sorted(rebased) == ["w1", "w2"]


def test_what_waits(found):
    made, _, _, streams = found
    names = {identity: name for name, identity in made.commits.items()}
    for one in streams.values():
        assert [(names[that.commit.id], that.age / 3600) for that in one.waiting] == [("x2", 6), ("x1", 16)]


def test_what_is_not_known(found):
    assert [bool(one.unknown) for one in found[3]["shop"].releases] == [True, *[False] * 29]


def test_the_five_metrics_of_shop(found):
    _, ids, known, streams = found
    own = [one for one in known.deployments if one.app == "shop"]
    said = dora(streams["shop"], own, known.marks, NOW)
    assert (said.count, said.days) == (30, 34.5)
    assert minutes(said.lead) == (36, 151, 1100)
    assert minutes(said.between) == (29, 1441, 1441)
    numbers = {identity: number for number, identity in ids.items() if isinstance(number, int)}
    failures = {numbers[one.deployment.id]: (one.length and one.length / MIN, one.is_assumed) for one in said.failures}
    assert failures == {
        3: (1399, True),  # from 12:00 to 11:19
        7: (1441, False),
        12: (1441, False),
        15: (60, False),
        28: (120, False),
        30: (None, False),
    }
    assert minutes(said.recovery) == (5, 1399, 1441)
    assert said.change_fail_rate == (6, 30)
    assert [numbers[one] for one in said.rework] == [8, 13, 29]
    assert [(one.version, one.verdict) for one in said.stopped] == [("side", "failed"), ("28", "interrupted")]
    assert said.unresolved == ()


def test_the_last_eight_days(found):
    """Releases 27 to 30, with the commits since 26: too few for a median, but not for a list."""
    _, _, known, _ = found
    one = stream(known, "shop", at(29, "12:00"))
    assert [release.deployment.version for release in one.releases] == ["27", "28", "29", "30"]
    assert minutes(one.whole.lead) == (6, 165, 1150)  # 130 164 165 174 1100 1150: the 3rd and the 6th
    said = dora(one, [that for that in known.deployments if that.app == "shop"], known.marks, NOW)
    assert said.change_fail_rate == (2, 4)
    assert minutes(said.between) == (3, None, None)
    later = stream(known, "shop", at(31, "0:00"))
    assert minutes(later.whole.lead) == (4, None, None)
    assert (later.whole.idle, later.whole.bottleneck) == (None, None)
