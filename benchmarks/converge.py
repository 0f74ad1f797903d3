"""cdconf alone, many times, against the floor: for whoever changes what it costs.

    python benchmarks/converge.py [--hosts 10] [--runs 5]

The floor is `ssh HOST true` on all hosts in parallel. The hosts are made by cdconf's docker provider and removed.
"""

import argparse
import statistics

from fleet import Figure, Fleet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    figures: dict[str, list[Figure]] = {"floor": [], "first converge": [], "nothing to change": []}
    with Fleet(arguments.hosts) as fleet:
        for _ in range(arguments.runs):
            figures["floor"].append(fleet.floor())
            fleet.undo()
            figures["first converge"].append(fleet.provision())
            figures["nothing to change"].append(fleet.provision())
    base = statistics.median(figure.wall for figure in figures["floor"])
    for name, values in figures.items():
        walls = [figure.wall for figure in values]
        middle = statistics.median(walls)
        cpu = statistics.median(figure.cpu for figure in values) / arguments.hosts * 1000
        spread = f"min {min(walls):6.2f}  max {max(walls):6.2f}"
        print(f"{name:18} median {middle:6.2f} s  {spread}  = {middle / base:5.2f} x floor  CPU {cpu:4.0f} ms a host")


if __name__ == "__main__":
    main()
