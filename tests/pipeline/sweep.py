"""Kills runs of the pipeline at many moments, and lets the next go on: `python -m tests.pipeline.sweep --rounds 30`.

Each round is a commit of its own. Afterwards it must have passed all stages, with one build, one deployment and one
statement a stage, and with no copy left behind. Every second round kills the verbs that the run has started, too.
"""

import argparse
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

from tests.conftest import cdconf
from tests.pipeline.world import MOMENTS, Line, checked, forget_snapshots, offices


def rounds(line, count, seed, moments=MOMENTS):
    """Gives each round's words and problems."""
    chosen = random.Random(seed)
    moments = [*moments]
    chosen.shuffle(moments)
    for number in range(count):
        moment, whole = moments[number % len(moments)], bool(number % 2)
        commit = line.change(f"round {number} of {seed}")
        began = time.monotonic()
        said = line.killed(moment, whole=whole)
        code, last = line.ends()
        problems = checked(line, commit)
        if problems or code != 0:
            problems.append(f"exit code {code}; it was killed after\n{said}\nand went on with\n{last}")
        if moment not in said:
            problems.append(f"it never said '{moment}':\n{said}")
        yield (
            f"{number}: killed{' with all' if whole else ''} at '{moment}', {time.monotonic() - began:.0f} s",
            problems,
        )


def main():
    """Exits with 1 when a round has gone wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--moments", nargs="*", default=MOMENTS)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cdconf-line-"))
    keys = Path(tempfile.mkdtemp(prefix="cdconf-offices-"))
    os.environ |= offices(keys)
    failed = 0
    try:
        line = Line.made(folder)
        print(f"seed {options.seed}", flush=True)
        for words, problems in rounds(line, options.rounds, options.seed, options.moments):
            print(words, *problems or ["well"], sep="\n    ", flush=True)
            failed += bool(problems)
    finally:
        cdconf(folder, "destroy", "dev", "--yes")
        forget_snapshots()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(keys, ignore_errors=True)
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
