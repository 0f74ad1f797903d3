"""That the tools of chaos find what they're there to find."""

import http.server
import itertools
import subprocess
import threading
import time
from collections import Counter
from types import SimpleNamespace

import pytest

from tests.chaos import lane as lanes
from tests.chaos.lane import Lane, last_step
from tests.chaos.load import Counted, Load, Lost
from tests.chaos.plan import KINDS, STRIKES, Strike, left, strikes
from tests.chaos.report import Report, line
from tests.chaos.strikes import ACTIONS, Running
from tests.chaos.sweep import Sweep
from tests.chaos.world import is_waiting
from tests.hosts.leases import is_held

KILL, CUT, STOP = "deploy-kill-controller", "deploy-cut-web", "provision-stop-lb"
WANTED = {KILL: 20, CUT: 6, STOP: 4}


class Flaky(http.server.BaseHTTPRequestHandler):
    """Answers every fourth request wrongly, each in another way."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked += 1
        if self.server.asked % 4:
            self.say(200, b"v1")
        elif self.server.asked % 12 == 0:
            self.close_connection = True  # without a word
        elif self.server.asked % 8 == 0:
            self.say(200, b"v1+v2")
        else:
            self.say(502, b"v1")

    def do_POST(self):
        self.server.posts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.say(200, b"v1")

    def say(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words):
        pass


@pytest.fixture
def flaky():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    server.asked, server.posts = 0, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def driven(server, enough, **options):
    with Load(lambda: f"127.0.0.1:{server.server_port}", pause=0, **options) as load:
        while not enough(load.counted()):
            time.sleep(0.01)
    return load.counted()


def test_each_request_that_is_not_answered_well_is_counted_as_lost(flaky):
    counted = driven(flaky, lambda one: one.requests >= 48, kinds=[("GET", False)])
    assert len(counted.lost) == counted.requests // 4
    whys = Counter(one.why.split("(")[0].strip() for one in counted.lost)
    assert set(whys) == {"502 'v1'", "200 'v1+v2'", "Remote end closed connection without response"}
    assert counted.answers == {"v1": counted.requests - len(counted.lost)}


def test_a_request_on_a_kept_connection_that_was_closed_is_sent_again_and_each_post_is_known(flaky):
    counted = driven(flaky, lambda one: one.requests >= 48, kinds=[("GET", True)])
    assert counted.stale >= 4
    assert not [one for one in counted.lost if "closed" in one.why]
    counted = driven(flaky, lambda one: len(one.posted) >= 10, kinds=[("POST", True), ("POST", False)])
    assert sorted(counted.posted) == sorted(flaky.posts)


def test_nobody_who_answers_means_that_every_request_is_lost(flaky):
    flaky.socket.close()
    counted = driven(flaky, lambda one: one.requests >= 5, kinds=[("GET", True)])
    assert len(counted.lost) == counted.requests


def test_every_beginning_of_a_plan_is_spread_over_kinds_and_moments():
    every = strikes(WANTED)
    assert Counter(one.kind for one in every) == WANTED
    assert len(set(every)) == 30
    first = every[:15]
    assert Counter(one.kind for one in first) == {KILL: 10, CUT: 3, STOP: 2}
    assert max(one.fraction for one in first) > 0.8
    assert min(one.fraction for one in first) < 0.1
    assert [Strike(KILL, number, 4).fraction for number in range(4)] == [0.125, 0.375, 0.625, 0.875]


def test_kinds_that_strike_as_often_strike_at_different_moments_within_a_run():
    moments = sorted(Strike(kind, number, 3).fraction for kind in KINDS for number in range(3))
    assert len(set(moments)) == 3 * len(KINDS)
    assert 0 < moments[0] < 0.1
    assert 0.9 < moments[-1] < 1
    assert max(after - before for before, after in itertools.pairwise(moments)) < 0.1


def test_every_strike_has_an_action_and_every_pause_is_longer_than_hosts_wait_for_beats():
    assert set(ACTIONS) == set(STRIKES)
    held = [Strike(kind, number, 3).lasts(8.0) for kind in KINDS for number in range(3)]
    assert min(one for one in held if one is not None) > 8.0
    assert Strike("deploy-pause-web", 0, 3).lasts(8.0) != Strike("deploy-pause-web", 1, 3).lasts(8.0)
    assert Strike(KILL, 0, 3).lasts(8.0) is None


def record(strike, **others):
    made = {"kind": strike.kind, "number": strike.number, "of": strike.of, "host": "web1", "lane": 1, "took_s": 1.0}
    made |= {"moment_s": 1.0, "duration_s": 4.0, "step": "batch 1: activate: web1", "ended": "old", "quiet_s": 9.0}
    return made | {"requests": 100, "lost": 0, "code": None, "kept": 0, "breach": None} | others


def test_a_report_is_continued_where_it_ended(tmp_path):
    file = tmp_path / "chaos.json"
    one = Report(file, 3, 8, WANTED)
    for strike in strikes(WANTED)[:12]:
        one.add(record(strike))
    again = Report.read(file)
    assert again.left() == left(WANTED, one.rounds) == strikes(WANTED)[12:]
    assert again.is_clean()
    again.add(record(again.left()[0], ended="breach", breach="served a mix\nmore", lost=2))
    again.end_lane(Counted(requests=7), SimpleNamespace(answers=Counter(web1=3), silent=Counter()), [])
    last = Report.read(file)
    assert (len(last.left()), last.is_clean(), last.load["requests"]) == (17, False, 7)
    assert "served a mix" in last.table()
    assert "activate 13" in last.table()
    assert "breaches: 1; rounds left: 17" in last.table()
    assert "100 requests, 2 lost" in line(last.rounds[-1])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"hosts": 1}'])
def test_what_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="no report"):
        Report.read(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("lease", "held"),
    [
        ("", False),
        ('{"run": null, "expires": 99}', False),
        ('{"run": "a", "expires": 9}', False),
        ('{"run": "a", "expires": 11}', True),
        ('{"run": "a", "exp', True),
    ],
)
def test_a_lease_is_held_until_it_is_over(lease, held):
    assert is_held(lease, 10.0) is held


@pytest.mark.parametrize(
    ("drains", "waiting"),
    [
        ("null", False),
        ('{"hosts": {"web1": {"kept": {"reason": "x"}}}}', False),
        ('{"hosts": {"web1": {"kept": {"reason": "x"}}, "web2": {}}}', True),
        ('{"hosts": {"web1": {"ke', True),
    ],
)
def test_what_is_drained_waits_unless_it_is_kept(drains, waiting):
    assert is_waiting(drains) is waiting


def test_the_step_that_was_struck_is_the_last_one_that_was_said():
    assert last_step("==> stage: a\n==> batch 1: activate: a\nwarning: x\n") == "batch 1: activate: a"
    assert last_step("") == ""


class World:
    """Hosts on paper: `after` is what they serve after each strike, `lost` what that costs."""

    def __init__(self, root, after, status=None, *, lost=(), history=None):
        self.root = root
        (root / ".cdconf").mkdir()
        self.hosts, self.within = ["web1", "web2"], 0
        self.serving = dict.fromkeys(self.hosts, "v0")
        self.after, self.told, self.lost = after, status, lost
        self.past = history or {"runs": [], "killed": [{"command": "deploy", "started_at": time.time() + 60}]}
        self.counted_lost = []
        self.version = 0
        self.over = False

    def pack(self):
        self.version += 1
        return f"v{self.version}"

    def deploy(self, version):
        self.serving = dict.fromkeys(self.hosts, version)
        return SimpleNamespace(returncode=0, stderr="")

    def running(self, run, version, shape):
        log = (self.root / "log").open("w+")
        log.write("==> stage: web1\n")
        log.flush()
        self.struck = version
        return Running(subprocess.Popen(["sleep", "0" if self.over else "30"]), log)

    def looks_quiet(self):
        self.serving = {host: version or self.struck for host, version in self.after.items()}
        self.counted_lost = list(self.lost)
        return True

    def truth(self):
        webs = {
            host: {"linked": f"{one}-x", "active": "active", "served": one, "revision": "0", "written": "0"}
            | {"ledger": {"verified": [f"{one}-x"]}}
            for host, one in self.serving.items()
        }
        return {"web": webs, "lb": {"down": set(), "drained": {}, "noted_at": {}}}

    def status(self):
        pages = {
            host: {"linked": f"{one}-x", "verified": [f"{one}-x"], "services": {"app": "active"}, "problem": None}
            | {"activating": None}
            for host, one in self.serving.items()
        }
        found = {host: {"lease": None, "left": None, "apps": {"app": page}} for host, page in pages.items()}
        return {"status": found, "interrupted": {}, "drained": {}} | (self.told or {})

    def history(self):
        return self.past

    def all_served(self):
        return self.serving

    def evidence(self, host):
        return f"the ledger of {host}"


class Clients:
    in_hand = 1

    def __init__(self, world):
        self.world = world

    def counted(self):
        return Counted(requests=5, lost=list(self.world.counted_lost))


def lane_of(world, monkeypatch):
    """A lane whose provisions are nothing, and whose deployments take no time."""
    monkeypatch.setattr(lanes, "SETTLED", 1.0)
    monkeypatch.setattr(Lane, "_provision", lambda self: None)
    lane = Lane(1, world, Clients(world))
    lane.prepare()
    return lane


def struck(tmp_path, monkeypatch, after, **options):
    world = World(tmp_path, after, **options)
    lane = lane_of(world, monkeypatch)
    old = lane.current
    world.after = {host: old if version == "old" else version for host, version in after.items()}
    return lane.round(Strike(KILL, 0, 2))


@pytest.mark.parametrize(("after", "ended"), [("old", "old"), (None, "new")])
def test_hosts_that_all_serve_the_old_or_the_new_version_are_well(tmp_path, monkeypatch, after, ended):
    made = struck(tmp_path, monkeypatch, {"web1": after, "web2": after})
    assert (made["ended"], made["breach"], made["step"]) == (ended, None, "stage: web1")


FINISH = {"ending": "finish", "run": "r", "release": "v2-x", "kind": "deployment", "confirmed": [], "others": []}


@pytest.mark.parametrize(
    ("after", "options", "said"),
    [
        ({"web1": "old", "web2": "v77"}, {}, "not v1 or v2"),
        ({"web1": "old", "web2": None}, {}, "status names no interruption"),
        ({"web1": None, "web2": None}, {"lost": [Lost(0.0, "GET", "502 ''")]}, "1 requests were lost, none may be"),
        ({"web1": None, "web2": None}, {"status": {"status": {}}}, "never came to rest"),
        (
            {"web1": None, "web2": None},
            {"status": {"drained": {"app": {"web1": {"lb1": {"kept": None}}}}}},
            "never came to rest: {'app'",
        ),
        (
            {"web1": None, "web2": None},
            {"status": {"drained": {"app": {"web1": {"lb1": {"kept": {"reason": "x"}}}}}}},
            "status says drained: ['web1'], and nginx passes by []",
        ),
        (
            {"web1": "old", "web2": None},
            {"status": {"interrupted": {"app": FINISH | {"reverted": ["web2"]}}}},
            "status says reverted of web2, which runs it",
        ),
        ({"web1": None, "web2": None}, {"history": {"runs": [], "killed": []}}, "doesn't say that a deploy was killed"),
    ],
)
def test_a_broken_promise_is_a_breach_with_all_that_is_known_of_it(tmp_path, monkeypatch, after, options, said):
    made = struck(tmp_path, monkeypatch, after, **options)
    assert made["ended"] == "breach"
    assert said in made["breach"]
    assert "==> stage: web1" in made["breach"]
    assert "the ledger of web2" in made["breach"]


def test_a_deployment_that_is_over_before_the_strike_is_tried_again_and_then_said_so(tmp_path, monkeypatch):
    world = World(tmp_path, {})
    lane = lane_of(world, monkeypatch)
    world.over = True
    monkeypatch.setattr(Lane, "duration", lambda self, run: 2.0)
    made = lane.round(Strike(KILL, 0, 2))
    assert (made["ended"], made["breach"], world.version) == ("over", None, 1 + lanes.TRIES)


def test_posts_that_were_never_or_twice_served_are_found(tmp_path):
    world = World(tmp_path, {})
    world.posts = lambda: ["1", "2", "2", "9"]
    load = SimpleNamespace(in_hand=1, counted=lambda: Counted(posted=["1", "2", "3"]))
    never, twice = Lane(1, world, load).exactly_once()
    assert "never served: ['3']" in never
    assert "twice: ['2']" in twice
    world.posts = lambda: ["1", "2", "3", "9"]
    assert Lane(1, world, load).exactly_once() == []


def test_a_sweep_without_strikes_makes_no_hosts(tmp_path):
    said = []
    Sweep(Report(None, 2, 8, {}), 3, say=said.append).run()
    assert said == []
