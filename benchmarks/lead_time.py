"""How long a commit of one line takes into production, and where the time goes.

    python benchmarks/lead_time.py [--runs 3] [--web 2]

The example project: an acceptance copy that's made and removed, staging and production, all in containers. Nobody has
to approve. The first commit makes the hosts and isn't counted. The time goes from the end of `git commit` to the moment
in which production confirms the release, through `cdconf pipeline watch --every 2s`.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from fleet import CDCONF

from cdconf.artifacts import ArtifactStore
from cdconf.inventory import load_project
from cdconf.pipeline.entries import RunEnded, StageNoted
from cdconf.pipeline.record import RunRecord, read_runs

REPOSITORY = Path(__file__).resolve().parents[1]
STAGES = ("commit", "acceptance", "manual", "release")
PRODUCTION = """\
provider: docker
hosts:
  lb1: {groups: [lb], os: debian-12, publish: [80]}
%s
  db1: {groups: [db], os: debian-12}
require:
  - after: [acceptance, manual]
  - parity
"""


def parts(began: float, record: RunRecord, confirmed: float) -> dict[str, float]:
    """Seconds of each part, in the order in which they began.

    Args:
        began: When the commit was made.
        record: What its run has written down.
        confirmed: When production confirmed the release.
    """
    at, name, found = began, "watch sees it, run begins", dict[str, float]()
    noted = [(one.at, f"{one.stage}: {one.step or one.state}") for one in record.entries if isinstance(one, StageNoted)]
    for when, following in [*noted, (confirmed, "")]:
        until = min(when, confirmed)
        found[name] = found.get(name, 0.0) + until - at
        at, name = until, re.sub(" [^ ]*@.*", "", following)
    return {name: seconds for name, seconds in found.items() if seconds > 0}


class Line:
    """A clone of this repository whose production is containers.

    Args:
        folder: An empty directory for it, and for its keys.
        web: How many web hosts each environment has.
    """

    def __init__(self, folder: Path, web: int) -> None:
        self.root = folder / "shop"
        self._environment = {
            **os.environ,
            "CDCONF_SIGNING_KEY_DIR": str(folder / "keys"),
            "CDCONF_SIGNERS": str(folder / "signers"),
            "PATH": f"{Path(CDCONF[0]).parent}:{os.environ['PATH']}",
        }
        subprocess.run(["git", "clone", "-q", REPOSITORY, self.root], check=True)
        subprocess.run(["git", "-C", str(self.root), "checkout", "-qB", "main"], check=True)
        hosts = "\n".join(f"  web{number}: {{groups: [web], os: debian-12}}" for number in range(1, web + 1))
        (self.root / "inventories/production/hosts.yml").write_text(PRODUCTION % hosts)
        config = self.root / "cdconf.yml"
        text = config.read_text().replace("project: shop\n", "project: bench-lead\n")
        config.write_text(text.replace("scale: {web: 1}", f"scale: {{web: {web}}}"))
        for stage in STAGES:
            self.run("key", "new", "--office", f"stage:{stage}")

    def run(self, *words: str) -> str:
        """Runs cdconf; its output."""
        command = [*CDCONF, *words]
        return subprocess.run(
            command, cwd=self.root, env=self._environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def watch(self) -> subprocess.Popen[str]:
        command = [*CDCONF, "pipeline", "watch", "--every", "2s"]
        return subprocess.Popen(command, cwd=self.root, env=self._environment, text=True, stdout=subprocess.DEVNULL)

    def record(self, commit: str) -> RunRecord:
        """What the commit's run has written down, once it has ended; it must have passed."""
        place = ArtifactStore(load_project(self.root)).place
        while True:
            for record in read_runs(place, "bench-lead", time.time(), commit=commit):
                ends = [one for one in record.entries if isinstance(one, RunEnded)]
                if ends and ends[-1].code == 0:
                    return record
                if ends:
                    raise SystemExit(f"{commit[:10]} didn't pass: {ends[-1].why}")
            time.sleep(1)

    def confirmed(self) -> float:
        """When a web host of production last confirmed a release."""
        words = ["run", "production", "--limit", "web1", "--", "cat /var/lib/cdconf/bench-lead/ledger.json"]
        ledger = json.loads(re.sub("^web1: ", "", self.run(*words), flags=re.MULTILINE))
        return max(float(one["at"]) for one in ledger["shop"]["events"] if one["event"] == "verified")

    def commit(self, what: str) -> tuple[float, str]:
        """Changes one line of the app; when it was committed, and the commit."""
        file = self.root / "examples/shop/shop/app.py"
        file.write_text(re.sub("<h1>.*?</h1>", f"<h1>{what}</h1>", file.read_text()))
        words = ["git", "-C", str(self.root), "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
        subprocess.run([*words, "commit", "-qam", what], check=True)
        began = time.time()
        done = subprocess.run([*words, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
        return began, done.stdout.strip()

    def remove(self) -> None:
        for environment in ("production", "staging"):
            words = [*CDCONF, "destroy", environment, "--yes", "--images"]
            subprocess.run(words, cwd=self.root, env=self._environment, check=False, capture_output=True)


def measure(line: Line, runs: int) -> list[dict[str, float]]:
    """The parts of each run after the first, which makes the hosts."""
    process = line.watch()
    found = []
    try:
        for number in range(runs + 1):
            began, commit = line.commit(f"The shop, {number}")
            record = line.record(commit)
            confirmed = line.confirmed()
            print(f"run {number}: {confirmed - began:6.1f} s{'' if number else ', hosts made'}", flush=True)
            found += [parts(began, record, confirmed)] if number else []
    finally:
        process.send_signal(signal.SIGTERM)  # whoever runs this in the background ignores SIGINT
        process.communicate()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--web", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdconf-bench-") as folder:
        line = Line(Path(folder), arguments.web)
        try:
            found = measure(line, arguments.runs)
        finally:
            line.remove()
    for name in found[0]:
        seconds = statistics.median(one.get(name, 0.0) for one in found)
        print(f"{name:34} {seconds:6.1f} s")
    print(f"{'from commit to commit point':34} {statistics.median(sum(one.values()) for one in found):6.1f} s")


if __name__ == "__main__":
    main()
