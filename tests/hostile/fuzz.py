"""Feeds readers of what others have written with bytes that nobody has written: each may only say that it's wrong.

    python -m tests.hostile.fuzz frames --runs 1000000 --seconds 300
    python -m tests.hostile.fuzz --all --seconds 60

With atheris (`pip install --group fuzz`) new bytes are made by what earlier ones have reached in the code; without it
by chance. It prints how many were tried; its exit status isn't 0 when anything else was raised, when one took longer
than 10 s, or memory grew beyond 1 GiB. Where `--keep DIR` is given, what reached something new stays there for the next
time.
"""

import argparse
import contextlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

with contextlib.suppress(ModuleNotFoundError):
    import atheris

    with atheris.instrument_imports(include=["cdconf"]):
        from tests.hostile import targets
if "atheris" not in sys.modules:
    from tests.hostile import targets

from tests.hostile.mutate import changed

MEMORY = 1024  # MiB
ONE = 10  # seconds


def by_chance(target, seeds, runs, seconds):
    """Without atheris: changed seeds, until one of the two is used up; returns how many were tried."""
    chance, ends = random.Random(0), time.monotonic() + seconds
    for number in range(runs):
        if time.monotonic() > ends:
            return number
        target(mutated(chance.choice(seeds), chance))
    return runs


def mutated(seed, chance):
    """A seed, changed in its structure or its bytes."""
    data = bytearray(seed)
    if chance.random() < 0.5:
        with contextlib.suppress(ValueError, UnicodeError):
            value = changed(json.loads(seed), chance)
            return json.dumps(value).encode("utf-8", "surrogatepass")
    for _ in range(chance.choice([1, 1, 2, 8])):
        place = chance.randrange(len(data) + 1)
        way = chance.randrange(4)
        if way == 0:
            data[place : place + 1] = bytes([chance.randrange(256)])
        elif way == 1:
            del data[place : place + chance.choice([1, 4, 100])]
        elif way == 2:
            data[place:place] = chance.choice([b"\0", b"\xff" * 4, b"[" * 100, b"9" * 50, b"\n", b'"', b"{{", b"- "])
        else:
            data[place:place] = data[: chance.choice([1, 10, 1000])]
    return bytes(data)


def one(name, runs, seconds, keep):
    """Fuzzes one target in this process; doesn't return with atheris."""
    target, seeds = targets.TARGETS[name]
    began = time.monotonic()
    if "atheris" not in sys.modules:
        count = by_chance(target, seeds, runs, seconds)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{name}: {count} by chance in {time.monotonic() - began:.0f} s, {grown} MiB, nothing uncaught")
        sys.exit(grown > MEMORY)
    corpus = Path(keep) / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [f"-runs={runs}", f"-max_total_time={int(seconds)}", f"-rss_limit_mb={MEMORY}", f"-timeout={ONE}"]
    where = [f"-artifact_prefix={corpus.parent}/{name}-", "-max_len=65536", "-print_final_stats=1", "-verbosity=0"]
    atheris.Setup(["fuzz", *limits, *where, str(corpus)], target)
    atheris.Fuzz()


def every(runs, seconds, keep):
    """Fuzzes all targets, each in a process of its own, one after the other; returns whether anything was wrong."""
    wrong = False
    for name in targets.TARGETS:
        words = [sys.executable, "-m", "tests.hostile.fuzz", name, "--runs", str(runs), "--seconds", str(seconds)]
        done = subprocess.run([*words, "--keep", keep], capture_output=True, text=True, errors="replace", check=False)
        lines = (done.stdout + done.stderr).splitlines()
        stats = {line.split(":")[1].strip(): line.split()[-1] for line in lines if line.startswith("stat::")}
        stats |= {line.split(":")[2].strip(): line.split()[-1] for line in lines if line.startswith("stat::")}
        if done.returncode:
            wrong = True
            print(f"--- {name}: exit {done.returncode}\n" + "\n".join(lines[-40:]), flush=True)
        told = f"{stats.get('number_of_executed_units')} by coverage, {stats.get('peak_rss_mb')} MiB" if stats else ""
        print(f"{name}: {told or lines[-1:]}", flush=True)
    return wrong


def main():
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", nargs="?", choices=list(targets.TARGETS))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--keep")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        keep = asked.keep or folder
        if asked.all:
            sys.exit(every(asked.runs, asked.seconds, keep))
        one(asked.target, asked.runs, asked.seconds, keep)


if __name__ == "__main__":
    main()
