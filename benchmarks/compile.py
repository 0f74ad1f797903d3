"""What compiling an environment costs: the processor time of the run and of the process that renders.

    python benchmarks/compile.py [--hosts 1000] [--resources 100] [--runs 3] [--against DIR]

`--against` is a work tree of another commit: both compile the same project in turns, so that a machine's noise meets
both. Processor time is what to compare; the wall's is what a quiet machine needs. No host is needed.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from fleet import Figure, timed
from revisions import COMPILE, write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--resources", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--against", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    trees = {"this": Path(__file__).resolve().parents[1]}
    if arguments.against is not None:
        trees["the other"] = arguments.against.resolve()
    figures: dict[str, list[Figure]] = {name: [] for name in trees}
    with tempfile.TemporaryDirectory(prefix="cdconf-bench-") as folder:
        write(Path(folder), arguments.hosts, arguments.resources)
        for _ in range(arguments.runs):
            for name, tree in trees.items():
                code = f"import sys\nsys.path.insert(0, {str(tree)!r})\n{COMPILE}"
                figures[name].append(timed([sys.executable, "-P", "-c", code], Path(folder)))
    base = statistics.median(figure.cpu for figure in figures["this"])
    for name, values in figures.items():
        cpu = statistics.median(figure.cpu for figure in values)
        walls = [figure.wall for figure in values]
        each = cpu / arguments.hosts / arguments.resources * 1e6
        print(
            f"{name:10} CPU {cpu:6.2f} s = {each:4.0f} us a resource = {cpu / base:5.2f} x"
            f"   wall median {statistics.median(walls):6.2f} s  min {min(walls):6.2f} s"
        )


if __name__ == "__main__":
    main()
