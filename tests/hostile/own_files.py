"""Damages each file that cdconf keeps for itself, in each way, and runs what reads it.

    python -m tests.hostile.own_files [--files PART] [--damages PART] [--every N]

Each run must end in time, by itself, with one clear error that names the file, or as if the file hadn't been there;
what can't be made again must still be there. It prints what doesn't, and counts; its exit status is 1 when anything
didn't.
"""

import argparse
import collections
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.damage import DAMAGES
from tests.hostile.ground import Ground

MEMORY = 2 << 30  # bytes of address space that a run may have; most of it is threads' stacks, and shared
LONGEST = 60  # seconds
HOME = "~"  # begins the pattern of a file in the operator's home


@dataclass(frozen=True)
class Own:
    """A file.

    Attributes:
        pattern: Relative to the project, or to the operator's home (`~/…`).
        runs: The command lines that read it.
        is_cache: What's in it can be had again, so that it may be replaced.
    """

    pattern: str
    runs: tuple[str, ...]
    is_cache: bool = False


def _own(pattern, *runs, cache=False):
    return Own(pattern, runs, cache)


STATUS, PLAN, LIST = "status dev", "plan dev", "artifact list"
TABLE = [
    _own(".cdconf/checkout", STATUS, PLAN, "history", "environments", "lock status dev", "deploy shop --to dev"),
    _own(".cdconf/facts/dev/web1.json", "vars dev web1", "lint", "facts dev --offline", PLAN, cache=True),
    _own(".cdconf/plans/dev.json", "provision dev", cache=True),
    _own(".cdconf/plan.key", "plan dev --out other.json", "provision dev --plan plan.json"),
    _own(".cdconf/agent/*.agent", STATUS, "run dev -- true", cache=True),
    _own(".cdconf/history.jsonl", "history", "environments", STATUS, "history rebuild dev"),
    _own(".cdconf/history.db", "history", "environments", "history rebuild dev", cache=True),
    _own(".cdconf/runs/*", STATUS, "history", "lock status dev", "history rebuild dev"),
    _own(".cdconf/events/*.part", "history", STATUS, cache=True),
    _own(".cdconf/events/*.jsonl", "history", "history export", cache=True),
    _own(".cdconf/holds/thrown", "destroy thrown --yes", cache=True),
    _own(".cdconf/build-shop.lock", "build shop", cache=True),
    _own(".cdconf/build-shop.log", "build shop", cache=True),
    _own(
        ".cdconf/artifacts/shop@1.json",
        LIST,
        "artifact show shop@1",
        "deploy shop --to dev",
        "gates shop --to dev",
        "artifact gc",
    ),
    _own(".cdconf/artifacts/*.blob", "artifact verify shop@1", "deploy shop --to dev"),
    _own(".cdconf/artifacts/*.log", "artifact show shop@1 --log", LIST),
    _own(".cdconf/artifacts/trees.lock", "artifact add shop plan.json --version 9", cache=True),
    _own(
        ".cdconf/artifacts/**/signature-*.dsse",
        "artifact show shop@1",
        "artifact verify shop@1",
        "deploy shop --to dev",
    ),
    _own(".cdconf/artifacts/**/statement-*.dsse", "pipeline status", "gates shop --to dev", "pipeline run"),
    _own(".cdconf/artifacts/pipeline-*.jsonl", "pipeline status", "pipeline run"),
    _own(".cdconf/artifacts/holder-*", "artifact gc"),
    _own(".cdconf/board.json", "pipeline status", cache=True),
    _own(".cdconf/procedures.json", "pipeline status", cache=True),
    _own(".cdconf/pipeline/copies/*", "pipeline run", cache=True),
    _own(
        ".cdconf/environments/copy/secrets.json",
        "vars copy web1",
        "lint",
        "secret list copy",
        "secret get copy token",
        PLAN,
    ),
    _own(".cdconf/environments/copy/id_ed25519", "environments"),
    _own(".cdconf/environments/copy/id_ed25519.pub", "environments"),
    _own(".cdconf/environments/copy/known_hosts", "environments", cache=True),
    _own(".cdconf/environments/machines/vagrant.json", "status machines", "environments", cache=True),
    _own(".cdconf/throwaway/thrown/hosts.yml", "environments", "vars thrown web1", "lint", "destroy thrown --yes"),
    _own(".cdconf/throwaway/thrown/lifetime.yml", "environments", "vars thrown web1", "destroy --expired --yes"),
    _own(".cdconf/throwaway/thrown/group_vars/all.yml", "vars thrown web1", "lint"),
    _own("plan.json", "provision dev --plan plan.json"),
    _own("old/hosts.ini", "import ansible-inventory old/hosts.ini older"),
    _own("cdconf.yml", STATUS, "lint"),
    _own("inventories/dev/hosts.yml", STATUS, "lint"),
    _own("inventories/dev/secrets.yml", "vars dev web1", PLAN, "secret list dev", "secret rekey dev"),
    _own("inventories/dev/recipients.txt", "secret rekey dev", "lint"),
    _own("roles/base/templates/kernel.j2", PLAN, "lint"),
    _own("~/known", STATUS),
    _own("~/id", STATUS),
    _own("~/.ssh/config", STATUS),
    _own("~/.ssh/known_hosts", STATUS),
    _own("~/.config/cdconf/keys/shop", "artifact sign shop@1", "key show", "build shop", "plan dev --out other.json"),
    _own("~/.config/cdconf/keys/*stage*", "pipeline run"),
    _own("~/.config/cdconf/trusted/shop", "key list", "deploy shop --to dev", "provision dev --plan plan.json"),
    _own(
        "~/.config/cdconf/trusted-before/*", "deploy shop --to dev", "key list", cache=True
    ),  # of the keys that are there
    _own("~/.config/cdconf/signers/shop", "gates shop --to dev", "pipeline status", "key list"),
    _own("~/.config/cdconf/policy/shop.yml", "policy show", "gates shop --to dev", "deploy shop --to dev"),
    _own("~/.config/cdconf/age.txt", "vars dev web1", PLAN, "secret get dev token", "secret key"),
]


def place_of(ground, own):
    """The file; the first that the pattern fits."""
    base, pattern = (ground.home, own.pattern[2:]) if own.pattern.startswith(HOME) else (ground.root, own.pattern)
    return next((path for path in sorted(base.glob(pattern)) if path.is_file()), None)


def left(path):
    """What tells whether something is as it was."""
    if path.is_symlink():
        return str(path.readlink())
    if not path.exists():
        return None
    status = path.stat()
    is_small = path.is_file() and status.st_size < 10_000_000
    return status.st_mode, status.st_size, path.read_bytes() if is_small else None


def is_kept(own, before, after):
    """Whether nothing is lost of what can't be had again; the journal grows."""
    if own.is_cache or before == after:
        return True
    if own.pattern.endswith("secrets.json") and isinstance(after, tuple):
        return json.loads(before[2]).items() <= json.loads(after[2]).items()  # what was left out is made
    grows = own.pattern.endswith(".jsonl") and isinstance(after, tuple) and isinstance(before, tuple)
    return grows and after[1] >= before[1] and (after[2] is None or after[2].startswith(before[2] or b""))


def usual(ground, own, words):
    """How a command line ends where the file is as it was, and, if it can be had again, where there's none."""
    ground.restore()
    ends = {ground.run(*words.split(), timeout=LONGEST).returncode}
    if own.is_cache:
        ground.restore()
        place_of(ground, own).unlink()
        ends.add(ground.run(*words.split(), timeout=LONGEST).returncode)
    return ends


GONE = ("there is no secret 'token'", "the secret 'token' isn't set")  # as of a whole file that doesn't have it


def faults(path, done, usual, words):
    """What's wrong with how the run of `words` has ended, in words; `usual` is how it ends where nothing is damaged."""
    both = done.stdout + done.stderr
    found = []
    if "bug in cdconf" in both or "Traceback (most" in both or done.returncode < 0:
        found.append("bug")
    shown = both.replace(done.stdout, "") if words.startswith("secret get") else both  # it prints the value as it is
    if any((ord(one) < 32 and one not in "\n\t") or 127 <= ord(one) < 160 or one == "\u202e" for one in shown):
        found.append("raw")
    names = (path.name, path.stem) if path.parent.is_dir() else (path.parent.name,)
    is_named = any(name in both for name in names) or (path.stem == "secrets" and any(one in both for one in GONE))
    if done.returncode not in {0, 2, *usual} and not is_named:
        found.append("unnamed")
    return found


def look(ground, own, damage, words, usual):
    """Damages a file and runs a command line; returns its faults, its exit code, its time and what it said."""
    ground.restore()
    path = place_of(ground, own)
    try:
        DAMAGES[damage](path)
    except (ValueError, UnicodeError) as error:
        return [], None, 0.0, repr(error)
    before, began = left(path), time.monotonic()
    try:
        done = ground.run(*words.split(), timeout=LONGEST)
    except AssertionError as error:
        return ["hangs"], None, time.monotonic() - began, str(error)[-1500:]
    found = faults(path, done, usual, words)
    if not is_kept(own, before, left(path)):
        found.append("lost")
    return found, done.returncode, time.monotonic() - began, done.stdout[-400:] + done.stderr[-800:]


def every(ground, asked):
    """All that's asked for: `(file, damage, command line)` each; a file that isn't there is an error of the table."""
    number = asked.shift
    for own in TABLE:
        if asked.files not in own.pattern:
            continue
        ground.restore()
        assert place_of(ground, own) is not None, f"there's no {own.pattern}"
        for words in own.runs:
            for damage in DAMAGES:
                number += 1
                if asked.damages in damage and number % asked.every == 0:
                    yield own, damage, words


def show(counts, told, slowest):
    """Prints what came of it; returns whether anything was wrong."""
    for (pattern, words, found), ways in told.items():
        print(f"--- {found}: {pattern}: cdconf {words}: {', '.join(f'{damage} ({code})' for damage, code, _ in ways)}")
        print(ways[0][2])
    runs = sum(count for name, count in counts.items() if name.startswith("exit"))
    print(f"{runs} runs: {dict(sorted(counts.items()))}")
    print(f"the slowest took {slowest[0]:.1f} s: {slowest[1]}")
    return any(not name.startswith("exit") for name in counts)


def main():
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", default="")
    parser.add_argument("--damages", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--shift", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    counts, slowest, told, ends = collections.Counter(), (0.0, ""), collections.defaultdict(list), {}
    with tempfile.TemporaryDirectory(prefix="hostile-own-") as folder:
        ground = Ground(Path(folder))
        began = time.monotonic()
        for own, damage, words in every(ground, asked):
            if time.monotonic() - began > asked.seconds:
                break
            if (own.pattern, words) not in ends:
                ends[own.pattern, words] = usual(ground, own, words)
            found, code, took, said = look(ground, own, damage, words, ends[own.pattern, words])
            slowest = max(slowest, (took, f"{own.pattern}, {damage}, {words}"))
            counts[f"exit {code}"] += 1
            counts.update(found)
            if found:
                told[own.pattern, words, " ".join(found)].append((damage, code, said))
                print(f"{' '.join(found)}: {own.pattern}: {damage}: cdconf {words}: {code}", flush=True)
        ground.close()
    sys.exit(show(counts, told, slowest))


if __name__ == "__main__":
    main()
