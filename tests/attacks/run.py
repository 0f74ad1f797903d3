"""Tries the attacks on a host of its own, and prints the table.

python -m tests.attacks.run                 every row before every step, on two cores
python -m tests.attacks.run --races 10000   the attacker races against the agent
python -m tests.attacks.run --rows 'archive' --most 5 --code ../older --write results.json
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.attacks.table import keep, reproduced, shown, successes
from tests.attacks.world import attacked_host, bring, rows, tried


def main() -> int:
    """Returns 1 when an attack succeeded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", default="", help="only those whose type and operation match this pattern")
    parser.add_argument("--most", type=int, default=0, help="tries of each attack; all steps by default")
    parser.add_argument("--races", type=int, default=0, help="race so many times instead")
    parser.add_argument("--jobs", type=int, default=2, help="so many at a time")
    parser.add_argument("--code", type=Path, default=Path(), help="the checkout whose agent is tried")
    parser.add_argument("--write", type=Path, help="keeps the counts there")
    options = parser.parse_args()
    wanted = rows(options.rows)
    with tempfile.TemporaryDirectory() as name, attacked_host(Path(name) / "project") as host:
        bring(host, wanted, options.code, Path(name))

        def part(number: int) -> list[dict[str, object]]:
            found = []
            for one in tried(host, options.most, f"{number}/{options.jobs}", options.races // options.jobs):
                counts = f"{one['successes']} of {one['tries']}"
                print(f"{one['type']} {one['operation']}: {one['attack']}: {counts}", file=sys.stderr, flush=True)
                found.append(one)
            return found

        with ThreadPoolExecutor(options.jobs) as pool:
            results = [one for found in pool.map(part, range(options.jobs)) for one in found]
    if options.write:
        keep(results, options.write)
    print(shown(results))
    print(reproduced(results))
    return 1 if successes(results) else 0


if __name__ == "__main__":
    sys.exit(main())
