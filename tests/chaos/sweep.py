"""Deployments and provisions that are struck at evenly spread moments, under load: see `plan` for the kinds of strikes.

    python -m tests.chaos.sweep --each 6 --lanes 3 --minutes 60
    python -m tests.chaos.sweep --each 2 --only 'provision-*' --only '*-lb'

Several lanes work side by side, each on a load balancer and web hosts of its own; see `lane` for what a round does and
wants. A line tells of each round, a table of all; a report is kept as JSON. What a time limit or Ctrl-C leaves can be
made later with `--resume REPORT`. A breach stops nothing: it's printed with all that's known of it.

Exits with 0 when all was made and nothing broken, with 1 on any breach, with 2 when strikes are left.
"""

import argparse
import collections
import fnmatch
import functools
import signal
import subprocess
import sys
import threading
import time

from cdconf.environments.docker.recipes import REPOSITORY
from tests.chaos import report
from tests.chaos.lane import Lane
from tests.chaos.load import Load, Watch
from tests.chaos.plan import KINDS
from tests.chaos.world import World, docker

LAST = 90.0  # seconds that a round and its lane's end may take
PAUSE = 0.25  # seconds between two requests of a client: hosts and lanes share this machine
FRESH = 3  # times that a lane may begin anew on fresh hosts


class Sweep:
    """Makes the strikes that a report lacks.

    Args:
        found: The report.
        lanes: How many lanes work side by side.
        until: When no further round may begin, by `time.monotonic`; None for never.
        say: Gets lines for people.
    """

    def __init__(self, found, lanes, until=None, say=print):
        self.report = found
        self._strikes = collections.deque(found.left())
        self._lanes = min(lanes, len(self._strikes))
        self._until = until
        self._print = say
        self._lock = threading.Lock()
        self._image = threading.Event()  # the first lane makes it, if need be; two at once would make it twice
        self._ended = threading.Event()

    def run(self):
        """Until nothing is left, or time is up."""
        if self._lanes > 1 and docker("images", "-q", REPOSITORY).stdout.strip():
            self._image.set()
        threads = [threading.Thread(target=self._lane, args=(number + 1,)) for number in range(self._lanes)]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                time.sleep(0.2)
        except KeyboardInterrupt:
            self.say("interrupted: the rounds in hand are ended")
            raise
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def say(self, text):
        with self._lock:
            self._print(f"{time.strftime('%H:%M:%S')} {text}")

    def _next(self):
        """The next strike; None when there's none, or no time for it."""
        is_late = self._until is not None and time.monotonic() > self._until
        with self._lock:
            return None if is_late or self._ended.is_set() or not self._strikes else self._strikes.popleft()

    def _lane(self, number):
        if number > 1:
            self._image.wait()
        for _ in range(FRESH):
            if self._ended.is_set() or not self._strikes:
                return
            try:
                with World(self.report.hosts, self.report.within) as world:
                    self._image.set()
                    self._work(number, world)
                    return
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                self.say(f"lane {number} needs fresh hosts: {error}")
                self.report.breaches.append(f"lane {number} needed fresh hosts: {str(error).splitlines()[0]}")
            except Exception as error:
                self.report.breaches.append(f"lane {number} ended: {type(error).__name__}: {error}")
                raise
            finally:
                self._image.set()

    def _work(self, number, world):
        load = Load(lambda: world.balancer, PAUSE)
        lane = Lane(number, world, load)
        lane.prepare()
        took = f"a deployment takes {lane.duration('deploy'):.1f} s, a provision {lane.duration('provision'):.1f} s"
        self.say(f"lane {number}: {len(world.hosts)} hosts; {took}")
        with load, Watch(world) as watch:
            while (strike := self._next()) is not None:
                self._round(lane, strike)
        broken = [f"lane {number}: {host} answered {answer!r}" for host, answer in watch.broken]
        self.report.end_lane(load.counted(), watch, broken + lane.exactly_once())

    def _round(self, lane, strike):
        record = lane.round(strike)
        self.report.add(record)
        self.say(report.line(record))
        if record["breach"]:
            self.say(f"BREACH in {report.name(record)}: {record['breach']}")
            lane.recover()


def sweep(hosts, within, wanted, lanes=1, say=print):
    """Makes a whole sweep; returns its report."""
    found = report.Report(None, hosts, within, wanted)
    Sweep(found, lanes, say=say).run()
    return found


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = (
        *(("each", 1, "strikes of each kind"), ("lanes", 3, "environments that are tormented side by side")),
        *(("hosts", 3, "web hosts of each; a load balancer comes to these"), ("within", 8, "their confirm_within")),
    )
    for name, default, what in numbers:
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{what} (default {default})")
    known = f"only kinds that match: {', '.join(KINDS)}"
    parser.add_argument("--only", action="append", metavar="GLOB", help=known)
    parser.add_argument("--minutes", type=float, metavar="N", help="begin no round that may end later")
    parser.add_argument("--report", default="chaos.json", metavar="FILE", help="where it's kept (default chaos.json)")
    parser.add_argument("--resume", metavar="REPORT", help="make what's left of an earlier sweep, of its counts")
    return parser.parse_args()


def main():
    given = _arguments()
    began = time.monotonic()
    if given.resume:
        found = report.Report.read(given.resume)
    else:
        only = given.only or ["*"]
        wanted = {kind: given.each for kind in KINDS if any(fnmatch.fnmatch(kind, one) for one in only)}
        found = report.Report(given.report, given.hosts, given.within, wanted)
    until = began + given.minutes * 60 - LAST if given.minutes else None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Ignored here, as behind nohup, it would be ignored by all runs that this one starts.
    signal.signal(signal.SIGHUP, lambda number, frame: None)
    code = 0
    try:
        Sweep(found, given.lanes, until, functools.partial(print, flush=True)).run()
    except KeyboardInterrupt:
        code = 130
    print(found.table())
    print(f"took {(time.monotonic() - began) / 60:.1f} minutes; the report is {found.file}")
    if found.left():
        print(f"go on with: python -m tests.chaos.sweep --resume {found.file}")
    sys.exit(code or (1 if not found.is_clean() else 2 if found.left() else 0))


if __name__ == "__main__":
    main()
