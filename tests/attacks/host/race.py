"""The race: the attacker exchanges names as fast as it can while the agent works, again and again."""

import json
import os
import signal
import tempfile
import time

import attacker
import decoys
import operations
import place
import steps

LIMIT = 20  # seconds


def race(bench, rows, tries):
    """Spreads a number of tries over the table; prints a line of JSON for each row and attack."""
    table = [(row, attack) for row in rows for attack in decoys.attacks(row) if not attack.before]
    for number, (row, attack) in enumerate(table):
        share = tries * (number + 1) // len(table) - tries * number // len(table)
        result = {"type": row["type"], "operation": row["operation"], "attack": attack.name, "point": attack.point}
        result.update(tries=0, successes=0, examples=[])
        for _ in range(share):
            harm, said = _attempt(bench, row, attack)
            result["tries"] += 1
            if harm:
                result["successes"] += 1
                result["examples"] = (result["examples"] + [{"harm": harm[:4], "said": said[-1:]}])[:3]
        print(json.dumps(result), flush=True)


def _attempt(bench, row, attack):
    bench.prepare(row)
    attack.build(attack.decoy, row)
    before = place.portrait()
    folders = [os.path.join(place.PLACE, one) for one in row["folders"]]
    flipper = _flip(attack, folders, bench.initial(row))
    try:
        said, hung = _apart(row)
    finally:
        os.kill(flipper, signal.SIGKILL)
        os.waitpid(flipper, 0)
    harm = bench.harm_of(row, before)
    return harm + (["it took longer than {} s".format(LIMIT)] if hung else []), said


def _flip(attack, folders, known):
    pid = os.fork()
    if pid:
        return pid
    try:
        attacker.become(attacker.UID)
        pair = {kind: attack.decoy + "-" + kind for kind in ("file", "directory")}
        while True:
            try:
                if attack.point is None:
                    attacker.swap_new(folders, known, pair)
                else:
                    attacker.exchange(attack.point, attack.decoy)
                    attacker.put_back(attack.point, attack.decoy)
            except OSError:
                continue
    finally:
        os._exit(0)


def _apart(row):
    """Runs the operation; what it said, and whether root hung."""
    with tempfile.TemporaryFile("w+") as stream:
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                operations.action(row, row["what"], stream)()
            finally:
                os._exit(0)
        hung = _hangs(pid)
        stream.seek(0)
        return [json.loads(line) for line in stream], hung


def _hangs(pid):
    """Waits for the operation, and ends it after LIMIT; root that waits for the attacker's process doesn't hang."""
    last = time.monotonic() + LIMIT
    while time.monotonic() < last:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    anothers = steps.is_anothers(steps.family(pid))
    steps.end(pid)
    os.waitpid(pid, 0)
    return not anothers
