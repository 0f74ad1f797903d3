"""40 releases of two apps in one repository: 30 of shop, by the pipeline, and 10 of blog, by hand.

Day 0 is a Monday. shop's releases 1 to 24, 29 and 30 are plain (see `MadeUp.plain`): the acceptance stage works for
30 min and as many minutes as the release's number. All others have something that the text beside them says.
"""

from cdconf.pipeline.value_stream.model import DeploymentMark, StreamApproval, StreamStop
from tests.pipeline.value_stream.made_up import MadeUp, at

HOUR = 3600
DAY = 86400
NOW = at(34, "12:00")


def forty(root):
    """The history, and its releases' ids by number (shop's) or `blog NUMBER`."""
    made = MadeUp(root)
    made.commit("old", at(-400, "9:00"))
    ids = _plain_ones(made)
    _unlike_commits(made, ids)
    _unlike_stages(made, ids)
    _last_ones(made, ids)
    for number in range(1, 11):  # blog's: built from every third of shop's, deployed by hand in the evening
        day = 30 if number == 9 else 3 * number
        began = at(33 if number == 10 else day, "18:00")
        head = ids[f"commit {3 * number}"]
        ids[f"blog {number}"] = made.deploy("blog", number, head, began, began + HOUR / 2, ended=began + HOUR / 2 + 60)
    return made, ids


def _plain_ones(made):
    ids = {}
    for number in range(1, 21):
        made.commit(f"c{number}", at(number, "9:00"), message=_trailer(number))
        ids[number] = made.plain(number, number, f"c{number}")
        ids[f"commit {number}"] = f"c{number}"
    # A canary of an artifact that nobody ever released went wrong.
    made.commit("side", at(5, "16:00"), "c5")
    made.deploy("shop", "side", "side", at(5, "17:00"), None, ended=at(5, "17:10"), verdict="failed")
    # 3 failed at 12:00, and nobody said what ended it: 4 did, a day and a minute after 3.
    made.marks.append(
        DeploymentMark(ids[3], failed=True, at=at(3, "12:00"), why="wrong prices", recorded_at=at(3, "13:00"))
    )
    # 8 repairs 7, as somebody said; 13 repairs 12, as its commit says.
    made.marks.append(DeploymentMark(ids[8], failed=False, fixes=ids[7], recorded_at=at(8, "13:00")))
    # 10 was taken for one that failed, and it hadn't.
    made.marks.append(DeploymentMark(ids[10], failed=True, recorded_at=at(10, "13:00")))
    made.marks.append(DeploymentMark(ids[10], failed=False, recorded_at=at(10, "14:00")))
    # An hour after 15, somebody deployed 14 again.
    made.deploy("shop", 14, "c14", at(15, "12:25"), at(15, "12:30"), kind="re-deployment", archive="shop-14")
    return ids


def _trailer(number):
    return "Fixes-Deployment: shop@12" if number == 13 else ""


def _unlike_commits(made, ids):
    # 21: a branch of two commits, merged.
    made.commit("f1", at(20, "15:00"), "c20")
    made.commit("f2", at(20, "16:00"), "f1")
    made.commit("merged", at(21, "9:00"), "c20", "f2")
    # 22: a commit and its revert; and the revert of a commit that has been in production since 5.
    first = made.commit("a", at(22, "8:00"), "merged")
    made.commit("b", at(22, "8:30"), message=f"This reverts commit {first}.")
    made.commit("c22", at(22, "9:00"), message=f"This reverts commit {made.commits['c5']}.")
    # 23: made at half past nine in the evening in Auckland, and at one in the morning in Seattle.
    made.commit("z1", at(23, "8:30"), zone="+1300")
    made.commit("z2", at(23, "9:00"), zone="-0800")
    # 24: a clock that began anew in 1970, one that was three days ahead, and a right one.
    made.commit("k0", 3600)
    made.commit("k1", at(27, "10:00"))
    made.commit("k2", at(24, "9:00"))
    for number, name in {21: "merged", 22: "c22", 23: "z2", 24: "k2"}.items():
        ids[number] = made.plain(number, number, name)
        ids[f"commit {number}"] = name


def _unlike_stages(made, ids):
    # 25: a long stage beside a short one, and a person who was waited for at the same time.
    made.commit("o", at(25, "9:00"))
    made.stage("o", "commit", (at(25, "9:10"), "running"), (at(25, "9:15"), "passed"))
    made.stage("o", "acceptance", (at(25, "9:15"), "running"), (at(25, "9:45"), "passed"))
    made.stage("o", "performance", (at(25, "9:15"), "running"), (at(25, "10:30"), "passed"))
    made.stage("o", "manual", (at(25, "9:20"), "blocked"), (at(25, "10:35"), "running"), (at(25, "10:40"), "passed"))
    made.stage("o", "release", (at(25, "10:40"), "running"), (at(25, "10:50"), "passed"))
    ids[25] = made.deploy("shop", 25, "o", at(25, "10:40"), at(25, "10:50"))
    # 26: stopped for three days.
    made.commit("s", at(26, "9:00"))
    made.stage("s", "commit", (at(26, "9:10"), "running"), (at(26, "9:15"), "passed"))
    made.stage("s", "acceptance", (at(26, "9:15"), "running"), (at(26, "9:45"), "failed"))
    made.stops.append(StreamStop("shop", "shop-26", at(26, "9:45"), at(29, "9:45"), "acceptance"))
    made.stage("s", "acceptance", (at(29, "10:00"), "running"), (at(29, "10:30"), "passed"))
    made.stage("s", "release", (at(29, "10:30"), "running"), (at(29, "10:40"), "passed"))
    ids[26] = made.deploy("shop", 26, "s", at(29, "10:30"), at(29, "10:40"))
    # 27: u2 goes in the place of u1, which waited for its turn; and then the window is closed until the morning.
    made.commit("u1", at(29, "14:00"))
    made.commit("u2", at(29, "14:50"))
    made.stage("u1", "commit", (at(29, "14:10"), "running"), (at(29, "14:15"), "passed"))
    made.stage("u1", "acceptance", (at(29, "14:15"), "waiting"), (at(29, "15:00"), "superseded"))
    made.stage("u2", "commit", (at(29, "15:00"), "running"), (at(29, "15:05"), "passed"))
    made.stage("u2", "acceptance", (at(29, "15:05"), "running"), (at(29, "15:35"), "passed"))
    closed = "shop@27 can't go to production yet: window mon-thu 09:00-16:00: it opens at 09:00"
    made.stage("u2", "release", (at(29, "15:35"), "blocked", closed, True), (at(30, "9:00"), "running"))
    made.stage("u2", "release", (at(30, "9:10"), "passed"))
    ids[27] = made.deploy("shop", 27, "u2", at(30, "9:00"), at(30, "9:10"))
    # 28: a runner that was killed after two minutes, and a canary that was cut off before the second attempt.
    made.commit("v", at(31, "9:00"))
    made.stage("v", "commit", (at(31, "9:10"), "running"), (at(31, "9:12"), "running"))
    made.stage("v", "commit", (at(31, "9:40"), "interrupted", "its runner is gone"))
    made.stage("v", "commit", (at(31, "10:00"), "running"), (at(31, "10:05"), "passed"))
    made.stage("v", "acceptance", (at(31, "10:05"), "running"), (at(31, "10:35"), "passed"))
    made.stage("v", "release", (at(31, "10:35"), "running"), (at(31, "10:40"), "interrupted"))
    made.deploy("shop", 28, "v", at(31, "10:35"), None, ended=at(31, "10:40"), verdict="interrupted")
    made.stage("v", "release", (at(31, "11:00"), "running"), (at(31, "11:10"), "passed"))
    ids[28] = made.deploy("shop", 28, "v", at(31, "11:00"), at(31, "11:10"))
    ids |= {"commit 27": "u2"}
    # Two hours later it was rolled back, and in the afternoon deployed once more.
    made.deploy("shop", 27, "u2", at(31, "13:05"), at(31, "13:10"), kind="rollback", archive="shop-27")
    made.deploy("shop", 28, "v", at(31, "14:55"), at(31, "15:00"), kind="re-deployment", archive="shop-28")


def _last_ones(made, ids):
    # 29: rebased; it was first written on day 10, and repairs 28.
    made.commit("w1", at(32, "8:50"), authored=at(10, "8:00"))
    made.commit("w2", at(32, "9:00"), authored=at(10, "9:00"), message="It works.\n\nFixes-Deployment: shop@28")
    ids[29] = made.plain(29, 32, "w2")
    # 30 hurts since two in the afternoon, and nothing has come after it.
    made.commit("c30", at(33, "9:00"))
    ids[30] = made.plain(30, 33, "c30")
    ids["commit 30"] = "c30"
    made.marks.append(DeploymentMark(ids[30], failed=True, at=at(33, "14:00"), why="slow", recorded_at=at(33, "15:00")))
    made.commit("x1", at(33, "20:00"))
    made.commit("x2", at(34, "6:00"))
    made.deploy("shop", 30, "c30", at(33, "20:00"), at(33, "20:05"), kind="throw-away", archive="shop-30")
    made.approvals.append(StreamApproval("shop-30", "elsewhere", at(33, "9:55")))
