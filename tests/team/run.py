"""Plays the team of three, and prints what was lost.

python -m tests.team.run --rounds 10            ten rounds with each store
python -m tests.team.run --rounds 3 --stores s3
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.team.rounds import race
from tests.team.world import team


def main() -> int:
    """Returns 1 when anything was lost or wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10, help="with each store")
    parser.add_argument("--stores", nargs="+", choices=["s3", "directory"], default=["s3", "directory"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, team(Path(folder)) as world:
        lost = race(world, options.rounds, options.stores, _say)
    print(lost)
    return 1 if lost.missing else 0


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
