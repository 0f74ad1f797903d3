"""Tries every attack of every row on this host; prints a line of JSON for each row and attack.

    python3 drive.py AGENT.zip ROWS.json MOST SHARE RACES

MOST: so many tries of each attack, spread over its steps; 0 for all. SHARE: `0/2` takes the first half of the rows.
RACES: instead, how many tries the attacker races against the agent.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import zlib

import decoys
import operations
import place
import race
import sources
import steps
from attacker import Attacker


class DoesNotWork(Exception):
    """The row's operation fails when nobody attacks, so that its attacks would prove nothing."""


class Bench(object):
    """What every try needs: the attacker, and a place for what the agent says."""

    def __init__(self):
        self.attacker = Attacker()

    def prepare(self, row):
        """Makes the place as the row's operation finds it."""
        place.restore_accounts()
        _clear(operations.STATE)
        place.make(row)
        for what in row["before"]:
            said = self._apart(row, what)
            if not said or said[-1]["status"] not in ("ok", "changed"):
                raise DoesNotWork("{} {}: what comes before it fails: {}".format(row["type"], row["operation"], said))
        for path in row.get("gone", []):
            os.unlink(os.path.join(place.PLACE, path))

    def _apart(self, row, what):
        with tempfile.TemporaryFile("w+") as stream:
            pid = os.fork()
            if pid == 0:
                try:
                    operations.action(row, what, stream)()
                finally:
                    os._exit(0)
            os.waitpid(pid, 0)
            return _events(stream)

    def initial(self, row):
        """The names that root doesn't make for itself: what's there, and what the row is about."""
        found = {os.path.join(place.PLACE, one) for one in row["points"]}
        for folder, names, others in os.walk(place.PLACE):
            found.update(os.path.join(folder, name) for name in names + others)
        return sorted(found)

    def unharmed(self, row):
        """The operation's steps when nobody attacks, and what the agent says."""
        self.prepare(row)
        before = place.portrait()
        with tempfile.TemporaryFile("w+") as stream:
            outcome = steps.run(operations.action(row, row["what"], stream), prefixes(row))
            said = _events(stream)
        harm = place.changes(before, place.portrait())
        wanted = ("changed", "ok", "failed", "error") if row.get("refused") else ("changed", "ok")
        if harm or outcome.hung or not said or said[-1]["status"] not in wanted:
            raise DoesNotWork(
                "{} {} doesn't even work: {}".format(row["type"], row["operation"], harm or outcome.hung or said)
            )
        return outcome.steps

    def harm_of(self, row, before):
        """What a try did to the victim, in words."""
        secret = row.get("victim_text", place.CANARY)
        return place.changes(before, place.portrait()) + place.leaks(secret, self.attacker) + place.misplaced()

    def attempt(self, row, attack, at, flips):
        """One try; what it did to the victim, in words, and what the agent said."""
        self.prepare(row)
        attack.build(attack.decoy, row)
        before = place.portrait()
        known = self.initial(row)
        taken = []
        if attack.lease:
            self.attacker.take_lease(attack.decoy)

        def swap():
            if attack.point is None:
                folders = [os.path.join(place.PLACE, one) for one in row["folders"]]
                pair = {kind: attack.decoy + "-" + kind for kind in ("file", "directory")}
                found = self.attacker.swap_new(folders, known, pair)
            else:
                found = None if self.attacker.swap(attack.point, attack.decoy) else [attack.point, attack.decoy]
            taken.extend(found or [])
            return found is not None

        with tempfile.TemporaryFile("w+") as stream:
            outcome = steps.run(
                operations.action(row, row["what"], stream),
                prefixes(row),
                at,
                swap,
                (lambda: self.attacker.swap_back(*taken)) if flips else None,
            )
            said = _events(stream)
        self.attacker.give_up_lease()
        return self.harm_of(row, before) + steps.ended(outcome, said), said, outcome


def _clear(folder):
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.islink(folder):
        os.unlink(folder)
    os.chown(os.path.dirname(folder), 0, 0)


def _events(stream):
    stream.seek(0)
    return [json.loads(line) for line in stream]


def prefixes(row):
    """The beginnings of the paths that steps are about."""
    return (place.ROOT + "/place", place.ROOT + "/stash", place.VICTIM) + tuple(row.get("also", ()))


def telling(trail, attack, known):
    """The steps before which a swap can matter: those about the point, or about names that root makes.

    A swap before any other step comes to the same as one before the next of these, since nothing looks at the point
    in between.
    """
    found = [0]
    for number, step in enumerate(trail):
        words = step.split(" ")
        if words[0] in ("execve", "execveat"):
            found.append(number)
        elif attack.point is not None:
            found += [number] * any(_concerns(path, attack.point) for path in words[1:])
        else:
            found += [number] * any(path not in known for path in words[1:])
    return sorted(set(found))


def _concerns(path, point):
    return path == point or path.startswith((point + "/", "/proc/self/fd", "?"))


def chosen(numbers, most, name):
    """The (step, whether for that step alone) at which an attack is tried.

    All of them; or `most` of them, the first one for good among them, the others at places that differ from attack to
    attack, so that the table as a whole tries every place.
    """
    every = [(number, flips) for number in numbers for flips in (False, True)]
    if not most or len(every) <= most:
        return every
    start, others = zlib.crc32(name.encode()), every[1:]
    return every[:1] + sorted(
        {others[(start + place * len(others) // most) % len(others)] for place in range(most - 1)}
    )


def deterministic(bench, row, most):
    """Tries each attack of a row before each step, for good and for that step alone."""
    trail = bench.unharmed(row)
    known = bench.initial(row)
    for attack in decoys.attacks(row):
        result = {"type": row["type"], "operation": row["operation"], "attack": attack.name, "steps": len(trail)}
        result.update(point=attack.point, tries=0, successes=0, swaps=0, hung=0, examples=[])
        name = "{type} {operation} {attack} {point}".format(**result)
        tries = [(0, False)] if attack.before else chosen(telling(trail, attack, known), most, name)
        for at, flips in tries:
            harm, said, outcome = bench.attempt(row, attack, at, flips)
            result["tries"] += 1
            result["swaps"] += outcome.swapped
            result["hung"] += outcome.hung is not None
            if harm:
                result["successes"] += 1
                if len(result["examples"]) < 3:
                    result["examples"].append(example(at, flips, outcome, harm, said))
            bugs = [one["message"] for one in said if "a bug in" in str(one.get("message"))]
            result["bug"] = result.get("bug") or "".join(bugs[:1])
            if result["hung"] >= 3:
                break  # it's known by now
        print(json.dumps(result), flush=True)


def example(at, flips, outcome, harm, said):
    """A success, so that it can be tried again."""
    step = outcome.steps[at] if at < len(outcome.steps) else None
    return {
        "at": at,
        "flips": flips,
        "step": step,
        "harm": harm[:4],
        "said": [one.get("message") or one["status"] for one in said][-2:],
    }


def main(bundle, rows_file, most, share, races):
    """See the module."""
    operations.load(bundle)
    with open(rows_file) as stream:
        rows = json.load(stream)
    mine, of = (int(one) for one in share.split("/"))
    place.enter()
    bench, broken = Bench(), []
    try:
        sources.fill(os.path.dirname(os.path.abspath(rows_file)))
        if int(races):
            race.race(bench, rows[mine::of], int(races))
            return
        for row in rows[mine::of]:
            with sources.hidden(row.get("hide", ())):
                try:
                    deterministic(bench, row, int(most))
                except DoesNotWork as error:
                    broken.append(str(error))
    finally:
        os.kill(bench.attacker.pid, signal.SIGKILL)
    sys.exit("\n".join(broken) or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
