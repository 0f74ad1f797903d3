"""cdconf and its peers on the same work, on the same hosts, in one run, as ratios.

    python benchmarks/compare.py [--hosts 10] [--runs 3] [--peer-runs 1] [--only cdconf,ansible] [--write FILE]

The hosts are made by cdconf's docker provider and removed at the end. Each peer gets a virtual environment of its own
in .cdconf/bench/, made once. After each peer's first converge, `cdconf plan` must find nothing to change: that's how
we know that it did the same work. A peer that can't be installed, or fails, is reported with what it said.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import figures
import table
from fleet import Failed, Figure, Fleet, timed
from peers import PEERS
from peers.peer import Peer

from cdconf import __version__


@dataclass
class Entrant:
    """A peer that's ready to run."""

    peer: Peer
    venv: Path
    folder: Path
    result: table.Result

    def run(self, fleet: Fleet) -> Figure:
        """One run of its command."""
        program, *arguments = self.peer.command
        return timed([str(self.venv / "bin" / program), *arguments], self.folder, self.peer.variables)

    def measure(self, fleet: Fleet) -> None:
        """A first converge and one with nothing to change; a failure is the result, too."""
        if self.result.problem:
            return
        try:
            first = self.run(fleet)
            left = fleet.differences()
            if left:
                raise Failed(f"it didn't do the same work; cdconf would still change:\n{left}")
            again = self.run(fleet)
        except Failed as error:
            self.result.problem = str(error)
            return
        self.result.first.append(first)
        self.result.again.append(again)


def prepare(peer: Peer, fleet: Fleet) -> Entrant:
    """Installs a peer and writes the work for it."""
    folder = fleet.root / "peers" / peer.name
    folder.mkdir(parents=True)
    entrant = Entrant(peer, Path(), folder, table.Result(peer.name))
    say(f"preparing {peer.name}")
    try:
        entrant.venv = peer.install()
        entrant.result.versions = peer.versions(entrant.venv)
        peer.write(fleet, folder, entrant.venv)
    except Failed as error:
        entrant.result.problem = f"it can't be installed:\n{error}"
    return entrant


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def chosen(text: str | None) -> list[str]:
    names = ["cdconf", *PEERS]
    wanted = [name.strip() for name in text.split(",")] if text else names
    for name in wanted:
        if name not in names:
            raise SystemExit(f"there is no tool '{name}'; there are: {', '.join(names)}")
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-runs", type=int, help="for all but cdconf and the floor: some take minutes")
    parser.add_argument("--only", help="these tools alone, such as cdconf,ansible")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the results into a Markdown file")
    arguments = parser.parse_args()
    wanted = chosen(arguments.only)
    peer_runs = min(arguments.peer_runs or arguments.runs, arguments.runs)
    ours = table.Result("cdconf", f"cdconf {__version__}")
    floor: list[Figure] = []
    with Fleet(arguments.hosts) as fleet:
        entrants = [prepare(PEERS[name], fleet) for name in wanted if name != "cdconf"]
        own = figures.measure(fleet) if "cdconf" in wanted else None
        for number in range(arguments.runs):
            floor.append(fleet.floor())
            if own is not None:
                say(f"run {number + 1}: cdconf")
                fleet.undo()
                ours.first.append(fleet.provision())
                ours.again.append(fleet.provision())
            for entrant in entrants if number < peer_runs else []:
                say(f"run {number + 1}: {entrant.peer.name}")
                fleet.undo()
                entrant.measure(fleet)
    results = ([ours] if own is not None else []) + [entrant.result for entrant in entrants]
    text = table.markdown(results, floor, own, arguments.hosts, (arguments.runs, peer_runs))
    print(text, end="")
    if arguments.write:
        table.put(text, arguments.write)


if __name__ == "__main__":
    main()
