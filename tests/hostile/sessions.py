"""Sessions with a host that says anything: each must end in a result of the declared type or in one clear error.

    python -m tests.hostile.sessions --count 100000 --seed 1

prints how they ended, what was uncaught, what raw control characters reached a line for people, and the memory's
growth; its exit status is 1 when anything did.
"""

import argparse
import collections
import json
import random
import resource
import sys
import time
import traceback
from types import SimpleNamespace

from cdconf.errors import CdconfError
from cdconf.events import Collector, HostDone, ResourceDone
from cdconf.render import words
from cdconf.render.style import Style
from cdconf.session.session import Session
from cdconf.session.transport import TransportSilent
from tests.hostile import samples
from tests.hostile.mutate import changed, frame

HOST = SimpleNamespace(name="web1")
STYLE = Style(verbose=True, diff=True)


class Liar:
    """A transport on which prepared bytes come, in pieces, and then silence or the end."""

    def __init__(self, data, chance):
        self._data = data
        self._chance = chance

    def write(self, data):
        pass

    def read(self, limit, timeout):
        if not self._data:
            if self._chance.random() < 0.5:
                raise TransportSilent
            return b""
        size = self._chance.choice([1, 7, limit, limit, limit])
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def last_words(self):
        return "\x1b[31mlast\u202e words\nof it"

    def close(self):
        pass


def script(name, chance):
    """The bytes of a session: an opening, then a call's events and its end."""
    _, events, result = samples.CALLS[name]
    opened = {"id": 1, "result": changed(samples.OPENED, chance) if chance.random() < 0.2 else samples.OPENED}
    last = {"id": 2, "result": result} if chance.random() < 0.8 else {"id": 2, "error": samples.ERROR}
    messages = [*({"id": 2, "event": one} for one in events), last]
    times = chance.choice([0, 1, 1, 1, 2, 3])
    for _ in range(times):
        place = chance.randrange(len(messages))
        messages[place] = changed(messages[place], chance)
    first = frame(opened, chance) if chance.random() < 0.1 else plain(opened)
    return first + b"".join(frame(one, chance) for one in messages)


def plain(message):
    """The bytes of a frame as it should be."""
    payload = json.dumps(message).encode()
    return len(payload).to_bytes(4, "big") + b"J" + payload


def show(name, events, result, error):
    """All lines that people would get of it."""
    collector = Collector()
    lines = []
    for one in events:
        if name in ("converge", "plan"):
            done = ResourceDone(host="web1", **{key: value for key, value in one.items() if key != "marks"})
            collector(done)
            lines.append(words.line_of(done, STYLE) or "")
    done = HostDone("web1", "failed" if error else "ok", str(error) if error else None)
    collector(done)
    lines.append(words.line_of(done, STYLE) or "")
    about = SimpleNamespace(error=error and error.as_dict(), error_detail=error and error.detail)
    lines += words.error_lines(about)
    json.dumps([result], default=bytes.hex).encode()  # those who write results down make texts of bytes
    "\n".join(lines).encode("utf-8")
    return lines


def is_raw(line):
    """Whether a terminal would obey something in a line."""
    return any((ord(one) < 32 and one not in "\n\t") or 127 <= ord(one) < 160 or one in words.BIDI for one in line)


def answer(session, name, events):
    """Makes a call; its events are added to the list."""
    arguments = samples.CALLS[name][0]
    if name == "run":
        return session.run(arguments["command"])
    return session.call(name, on_event=events.append, **arguments)


def one(seed, name=None):
    """One session; returns how it ended and whether a raw control character got through."""
    chance = random.Random(seed)
    name = name or chance.choice(list(samples.CALLS))
    events, result, error = [], None, None
    try:
        result = answer(Session(HOST, Liar(script(name, chance), chance), b"", "demo"), name, events)
        how = "result"
    except CdconfError as caught:
        error, how = caught, caught.kind
    return how, any(is_raw(line) for line in show(name, events, result, error))


def main():
    """Runs many; see the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    ends, bugs, raw = collections.Counter(), collections.Counter(), 0
    began = time.monotonic()
    slowest, before = 0.0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(asked.count):
        start = time.monotonic()
        try:
            how, is_seen = one(asked.seed * 1_000_000_007 + number)
            ends[how] += 1
            raw += is_seen
        except Exception:  # noqa: BLE001  what's counted
            ends["uncaught"] += 1
            bugs[traceback.format_exc(limit=-2).strip()] += 1
        slowest = max(slowest, time.monotonic() - start)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{asked.count} sessions in {time.monotonic() - began:.0f} s, the slowest {slowest:.2f} s: {dict(ends)}")
    print(f"raw escapes: {raw}; memory grew by {grown:.0f} MB at most")
    for bug, times in bugs.most_common(10):
        print(f"--- {times} times\n{bug}")
    sys.exit(1 if bugs or raw or grown > 64 else 0)


if __name__ == "__main__":
    main()
