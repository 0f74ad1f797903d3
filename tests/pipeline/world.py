"""A project whose commits go through a pipeline on real hosts: a copy to try them in, and a host that stays."""

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.conftest import CDCONF, begun, git, write
from tests.hosts.conftest import FILES
from tests.hosts.live import Live, on

PIPELINE = """
        pipeline:
          - {stage: commit, run: sh check.sh, inputs: [check.sh], build: app}
          - stage: acceptance
            copy_of: dev
            scale: {web: 1}
            run: python3 accept.py
            inputs: [accept.py]
            url: "http://{{ hosts.web[0].published[8000] }}/"
            within: 60s
          - {stage: release, environment: dev}
"""
PROJECT = {
    **FILES,
    "cdconf.yml": FILES["cdconf.yml"].replace("project: e2e", "project: line").rstrip() + PIPELINE,
    "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web], publish: [8000]}}\n",
    "check.sh": "echo checked\n",
    "accept.py": """
        import json, os, urllib.request
        answer = urllib.request.urlopen(os.environ["CDCONF_URL"], timeout=20).read().decode()
        (host,) = json.loads(os.environ["CDCONF_HOSTS"])
        print("accepted", answer.strip(), host["name"], host["groups"], bool(os.environ.get("CDCONF_LEASE")))
    """,
}
# What a run says shortly before something of it is done: it's killed then.
MOMENTS = (
    "commit: run",
    "commit: build",
    "has passed stage 'commit'",
    "acceptance: provision",
    "making 1 host:",
    "acceptance: deploy",
    "acceptance | ==> batch 1 of 1: activate",
    "acceptance | ==> confirm",
    "accepted",
    "acceptance | ==> removing",
    "release: provision",
    "release: deploy",
    "release | ==> stage",
    "release | ==> batch 1 of 1: activate",
    "release | ==> batch 1 of 1: smoke",
    "release | ==> confirm",
    "has passed stage 'release'",
)


def forget_snapshots():
    """Removes the images that copies of this project were made from."""
    listed = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "cdconf-snapshot:line-*"]
    images = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    if images:
        subprocess.run(["docker", "rmi", *images], capture_output=True, check=False)


def offices(folder):
    """Environment variables by which a project's keys and signers lie in a directory, and not with this user's own."""
    return {"CDCONF_SIGNING_KEY_DIR": str(folder / "keys"), "CDCONF_SIGNERS": str(folder / "signers")}


class Line(Live):
    """See the module."""

    @classmethod
    def made(cls, folder, **files):
        """Writes the project, and makes the keys of all of its stages."""
        root = write(folder, {**PROJECT, **files})  # not furnished: each copy would make its PostgreSQL anew
        (root / "build.sh").chmod(0o755)
        git(root, "init", "-q", "-b", "main")
        one = cls(root)
        for stage in ("commit", "acceptance", "release"):
            one("key", "new", "--office", f"stage:{stage}")
        one.change("one")
        return one

    def change(self, what, **files):
        """Commits a change; returns the commit."""
        write(self.root, {"note": what, **files})
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", what)
        return git(self.root, "rev-parse", "HEAD")

    def started(self, *arguments, forked=True):
        """Starts a run of the pipeline; it and its verbs are `forked`, or processes that a shell would start."""
        if not forked:
            command = [*CDCONF, "pipeline", "run", *arguments]
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            return subprocess.Popen(command, cwd=self.root, text=True, start_new_session=True, **streams)
        return begun(self.root, "pipeline", "run", *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def killed(self, moment, *, whole=False):
        """Starts a run and kills it when it says so; returns what it had said. It may end before.

        Args:
            moment: What it says.
            whole: Whether the verbs that it has started are killed as well.
        """
        process, said = self.started(), []
        for line in process.stdout:
            said.append(line)
            if moment in line:
                others = _below(process.pid) if whole else []
                for pid in (process.pid, *others):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                break
        process.wait()
        process.stdout.close()
        return "".join(said)

    def ends(self, within=240):
        """Runs it until it has come to a verdict: what a dead run holds is waited for. Returns the last exit code."""
        deadline = time.monotonic() + within
        while True:
            process = self.started()
            said, _ = process.communicate(timeout=within)
            if process.returncode in (0, 1) or time.monotonic() > deadline:
                return process.returncode, said

    def copies(self):
        """The containers of copies that are there."""
        checkout = (self.root / ".cdconf/checkout").read_text().strip()
        listed = ["docker", "ps", "-a", "--filter", f"label=cdconf.checkout={checkout}", "--format", "{{.Names}}"]
        names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
        return [one for one in names if "-dev-" not in one]

    def left(self):
        """All that a run could have left behind here."""
        data = self.root / ".cdconf"
        found = [str(one) for one in (data / "pipeline").rglob("*") if one.name != "copies"]
        found += [str(one) for one in (data / "throwaway").glob("*")]
        found += [one.name for one in (data / "artifacts").glob("pipelease-*")]
        return found + self.copies()

    def verified(self, version):
        """How often the host that stays has had this version confirmed by a deployment."""
        ledger = json.loads(on(self.container("web1"), "cat /var/lib/cdconf/line/ledger.json"))["app"]
        events = ledger.get("events", [])
        return sum(one["event"] == "verified" and one["release"].startswith(f"{version}-") for one in events)

    def proofs(self, version):
        """Stage -> how many statements of it there are of the version's artifact."""
        found = {}
        archive = json.loads((self.root / f".cdconf/artifacts/app@{version}.json").read_text())["archive"]
        for path in (self.root / ".cdconf/artifacts/attested").rglob(f"statement-{archive}-*"):
            said = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
            if "/stage/" in said["predicateType"]:
                stage = said["predicate"]["stage"]
                found[stage] = found.get(stage, 0) + 1
        return found


def _below(pid):
    """A process's descendants, in their sessions."""
    parents = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                text = Path(entry.path, "stat").read_text()
                parents.setdefault(int(re.search(r"\) \S (\d+)", text)[1]), []).append(int(entry.name))
    found, wanted = [], [pid]
    while wanted:
        wanted = [child for one in wanted for child in parents.get(one, ())]
        found += wanted
    return found


def checked(line, commit):
    """What's wrong after a commit has gone through: nothing may be left, built or deployed twice."""
    version = commit[:10]
    problems = []
    if line.left():
        problems.append(f"left behind: {line.left()}")
    if line.verified(version) != 1:
        problems.append(f"deployed {line.verified(version)} times")
    if line.proofs(version) != {"commit": 1, "acceptance": 1, "release": 1}:
        problems.append(f"statements: {line.proofs(version)}")
    return problems
