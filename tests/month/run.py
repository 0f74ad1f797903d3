"""`python -m tests.month.run`: ten environments, watched for a month with a shifted clock; see `make month`.

Each look is a process of `cdconf drift` on a host with a real agent. Files are changed and put back by hand, networks
fail for hours, looks are killed and run twice at once, schedules fall silent. After each look the receiver must have
got what the plan says, and nothing else; after one that was killed, all of that or nothing.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from cdconf.notify.digest import MOST
from tests.month.plan import DAY, Expected, ticks
from tests.month.world import World
from tests.notify.receivers import receiver

SILENT_AFTER = 4  # looks that an environment misses, once a month


class Wrong(Exception):
    """People were told something else than they should."""


class Month:
    """The month.

    Args:
        world: The environments.
        count: How often each is looked at.
        days: How long the month is.
        seed: Of what happens.
    """

    def __init__(self, world, count, days, seed):
        self._world, self._count, self._step = world, count, days * DAY / count
        self._chance = random.Random(seed)
        self._plans = {name: ticks(seed * 1000 + place, count) for place, name in enumerate(world.names)}
        self._expected = {name: Expected() for name in world.names}
        self._silent = {name: self._chance.randrange(1, max(2, count - SILENT_AFTER)) for name in world.names}
        self._told = 0
        self._last = dict.fromkeys(world.names, 0.0)
        self.looks = self.events = self.messages = 0

    def run(self):
        """All of it.

        Raises:
            Wrong: See there.
        """
        for number in range(self._count):
            self._world.ahead = max(self._world.ahead, number * self._step)
            for name in self._world.names:
                self._look(name, number)
            print(f"look {number + 1} of {self._count}: {self.looks} processes, {self.events} events", file=sys.stderr)

    def _look(self, name, number):
        first = self._silent[name]
        if first <= number < first + SILENT_AFTER:
            self._world.schedule(name, self._last[name] or 1.0)
            self._check(name, [("schedule_silent", "silent")] if number == first else [], [], f"look {number}, silent")
            return
        if number == first + SILENT_AFTER:
            self._world.schedule(name, None)
            self._check(name, [("schedule_heard", "again")], [], f"look {number}, heard")
        tick = self._plans[name][number]
        self._world.reach(name, is_reachable=tick.is_reachable)
        self._world.change(name, tick.changed)
        codes = self._drift(name, tick)
        expected = self._expected[name].events(tick)
        if tick.is_killed:
            if self._killed(name, expected):
                self._expected[name].told(tick)
            return
        wanted = (2 if tick.changed else 0) if tick.is_reachable else 4
        if set(codes) != {wanted}:
            raise Wrong(f"{name}, look {number}: exit codes {codes}, not {wanted}")
        is_pinged = tick.is_reachable and name in self._world.names[:2]
        self._check(name, expected, [f"/ping-{name}"] if is_pinged else [], f"look {number}")
        self._expected[name].told(tick)
        self._last[name] = time.time() + self._world.ahead

    def _drift(self, name, tick):
        self.looks += 1 + tick.is_twice
        if not (tick.is_killed or tick.is_twice):
            return [self._world.run("drift", name).returncode]
        begun = [self._world.begin("drift", name) for _ in range(1 + tick.is_twice)]
        if tick.is_killed:
            time.sleep(self._chance.random() * 0.7)
            begun[0].kill()
        return [one.wait() for one in begun]

    def _killed(self, name, expected):
        """A look that was killed has told all or nothing, since that's one change; whether it has told it."""
        self.messages += sum(body is not None for _, body in self._world.send())
        told = self._news(name)
        if told not in ([], expected):
            raise Wrong(f"{name}, killed: told {told}, not {expected} or nothing")
        return told == expected

    def _check(self, name, expected, pings, where):
        got = self._world.send()
        told = self._news(name)
        if told != expected:
            raise Wrong(f"{name}, {where}: told {told}, not {expected}")
        pinged = [path for path, body in got if body is None]
        if sorted(set(pinged)) != pings:  # two at once may have one ping, or one each
            raise Wrong(f"{name}, {where}: pings {pinged}, not {pings}")
        messages = sum(body is not None for _, body in got)
        if messages != (len(told) if len(told) <= MOST else 1):
            raise Wrong(f"{name}, {where}: {messages} messages of {len(told)} events")
        self.messages += messages

    def _news(self, name):
        told = self._world.told()[self._told :]
        self._told += len(told)
        if any(of != name for of, _, _ in told):
            raise Wrong(f"{name}: told {told}")
        self.events += len(told)
        return sorted((kind, word) for _, kind, word in told)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=10)
    parser.add_argument("--looks", type=int, default=144, help="of each environment")
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cdconf-month-"))
    home = os.environ.get("HOME", "/")
    try:
        with receiver() as server:
            world = World(folder, given.environments, server)
            try:
                month = Month(world, given.looks, given.days, given.seed)
                month.run()
            finally:
                world.close()
    except Wrong as error:
        sys.exit(f"wrong: {error}; the same again: --seed {given.seed}; it's all in {folder}")
    finally:
        os.environ["HOME"] = home
    print(f"{month.looks} looks in {given.days:g} days: {month.events} events in {month.messages} messages, as planned")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
