"""The example project on 13 hosts: `python -m tests.pipeline.example`.

Production is four machines behind a bastion, which take a release only after an approval and with parity; staging is a
copy that stays, and the acceptance copy is made for each commit. `pipeline watch` brings one changed line into
production. Then come commits that break something: each must stop where it breaks, and no command but an override may
bring it to production.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cdconf.artifacts import ArtifactStore
from cdconf.inventory import load_project
from cdconf.pipeline.entries import RunEnded, StageNoted
from cdconf.pipeline.record import read_runs
from tests.conftest import CDCONF
from tests.hosts.machines import Machines
from tests.pipeline.world import offices

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("cdconf.yml", "roles", "templates", "inventories", "examples/shop", "Vagrantfile", ".gitignore")
MACHINES = {"lb1": "lb", "web1": "web", "web2": "web", "db1": "db"}
REQUIRE = """\
require:
  - after: [acceptance, manual]
  - parity
  - approvals: {count: 1, from: [ops], not_author: true, expires: 24h}
"""
POLICY = """\
version: 1
project: shop
environments: {production: {require: [after: [acceptance, manual]]}}
stages:
  acceptance: {copy_of: production, run: make -C examples/shop acceptance, hosts: 2}
  manual: {environment: staging, copy_of: production, hosts: 2}
people:
  dev: {git: [dev@example.com]}
  ben: {keys: ["%s"], git: [ben@example.com], groups: [ops]}
"""
REASON = "the walk on thirteen hosts tries whether an override works"
APP, MIGRATION = "examples/shop/shop/app.py", "examples/shop/migrations/expand/009_nowhere.sql"
SHORT = ('"article": article}', '"article": article[:20]}')
EASY = "provider: docker\nhosts: {web1: {groups: [web]}}\n"
# What is broken -> (file, what it replaces, by what), the stage that ends it, the run's exit code.
BROKEN = {
    "a smoke test": (APP, ('"version": version()', '"version": "next"'), "acceptance", 1),
    "an acceptance test": (APP, SHORT, "acceptance", 1),
    "its migration": (MIGRATION, ("", "ALTER TABLE nowhere ADD x int;\n"), "acceptance", 1),
    "what staging stands for": ("cdconf.yml", ("environment: staging}", "environment: easy}"), "manual", 3),
}
WAYS = (
    "pipeline run --commit {commit}",
    "deploy {label} --to production",
    "deploy {label} --to production --stage release",
    "deploy {archive} --to production",
    "approve {label} --to production --yes --key {key}",
    "deploy {label} --to production --unpin again",
)


class Walk:
    """See the module.

    Args:
        folder: An empty directory.
    """

    def __init__(self, folder):
        self.root, self.folder = folder / "shop", folder
        self.machines = Machines(folder, list(MACHINES))
        self.key = folder / "ben"
        self.environment = {
            **os.environ,
            **offices(folder),
            "CDCONF_POLICY": str(folder / "policy.yml"),
            "PATH": f"{Path(CDCONF[0]).parent}:{os.environ['PATH']}",
        }

    def __call__(self, *words, code=0, given=""):
        """Runs cdconf with what it's given on stdin; its exit code must be `code`, or one of several."""
        done = subprocess.run(
            [*CDCONF, *words],
            cwd=self.root,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        if done.returncode not in ((code,) if isinstance(code, int) else code):
            raise AssertionError(f"cdconf {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def git(self, *words):
        who = ["-c", "user.name=Dev", "-c", "user.email=dev@example.com"]
        done = subprocess.run(["git", *who, *words], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def make(self):
        """Writes the project, and makes production's machines; nothing is provisioned yet."""
        self.machines.make()
        listed = subprocess.run(["git", "ls-files", *PARTS], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        for name in listed.stdout.split():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, self.root / name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ben", "-f", self.key], check=True)
        public = self.key.with_suffix(".pub").read_text().strip()
        (self.folder / "policy.yml").write_text(POLICY % public)
        (self.folder / "policy.yml").chmod(0o600)
        config = self.root / "cdconf.yml"
        config.write_text(config.read_text().replace("scale: {web: 1}", "scale: {web: 2}"))
        easy = self.root / "inventories/easy/hosts.yml"
        easy.parent.mkdir()
        easy.write_text(EASY)
        (easy.parent / "group_vars").mkdir()
        (easy.parent / "group_vars/all.yml").write_text("server_name: easy\nshop_banner: easy\n")
        (self.root / "inventories/production/hosts.yml").write_text(self._production())
        self.git("init", "-q", "-b", "main")
        for office in ("stage:commit", "stage:acceptance", "stage:manual", "stage:release", "override"):
            self("key", "new", "--office", office)
        self._secrets()
        self.commit("The shop on our machines")

    def _production(self):
        found = self.machines.addresses
        ssh = {
            "user": "deploy",
            "become": "sudo",
            "jump": f"ops@{found['bastion']}",
            "known_hosts": str(self.machines.known),
            "identity_file": str(self.machines.key),
        }
        hosts = {
            name: {"address": found[name], "groups": [group], "os": "debian-12"} for name, group in MACHINES.items()
        }
        hosts["lb1"]["publish"] = [80]
        return f"ssh: {json.dumps(ssh)}\nhosts: {json.dumps(hosts)}\n{REQUIRE}"

    def _secrets(self):
        self.environment["CDCONF_AGE_IDENTITY"] = str(self.folder / "age")
        recipient = self("secret", "key").stdout
        (self.root / "inventories/production/recipients.txt").write_text(recipient)
        self("secret", "set", "production", "shop_db_password", given=secrets.token_urlsafe(24))

    def commit(self, what):
        """Commits all there is; returns the commit."""
        self.git("add", "-A")
        self.git("commit", "-qm", what)
        return self.git("rev-parse", "HEAD")

    def change(self, path, pair, what):
        """Changes one place in a file, or writes a new one; returns the commit and what takes it back."""
        file = self.root / path
        before = file.read_text() if file.exists() else None
        if before is not None:
            assert before.count(pair[0]) == 1, (path, pair)
        file.write_text(pair[1] if before is None else before.replace(*pair))

        def undo():
            file.unlink() if before is None else file.write_text(before)

        return self.commit(what), undo

    def watch(self):
        log = (self.folder / "watch.log").open("w")
        command = [*CDCONF, "pipeline", "watch", "--every", "2s"]
        return subprocess.Popen(command, cwd=self.root, env=self.environment, stdout=log, stderr=log)

    def ended(self, commit, code, within=1200):
        """How a commit's run ended with an exit code, once one has: in which stage, and why."""
        deadline = time.monotonic() + within
        place = ArtifactStore(load_project(self.root)).place
        while time.monotonic() < deadline:
            for record in read_runs(place, "shop", time.time(), commit=commit):
                for one in record.entries:
                    if isinstance(one, RunEnded) and one.code == code:
                        noted = [entry.stage for entry in record.entries if isinstance(entry, StageNoted)]
                        return noted[-1], one.why
                    if isinstance(one, RunEnded) and one.code in (0, 1):
                        raise AssertionError(f"{commit[:10]} ended with {one.code}: {one.why}")
            time.sleep(2)
        raise AssertionError(f"{commit[:10]} never ended: {(self.folder / 'watch.log').read_text()[-3000:]}")

    def artifact(self, commit):
        """The label and the digest of a commit's artifact."""
        (found,) = [one for one in ArtifactStore(load_project(self.root)).list() if one.commit == commit]
        return found.label, found.archive

    def served(self):
        """The versions that production's web hosts serve."""
        told = [self.machines.shell(one, "curl -sS http://127.0.0.1:8000/version") for one in ("web1", "web2")]
        return {json.loads(one)["version"] for one in told}

    def remove(self):
        for environment in ("staging", "easy"):
            words = [*CDCONF, "destroy", environment, "--yes"]
            subprocess.run(words, cwd=self.root, env=self.environment, capture_output=True, check=False)
        self.machines.remove()


def say(text):
    print(f"{time.strftime('%X')} {text}", flush=True)


def goes_through(walk, commit):
    """A commit reaches production, with an approval in between; returns its label."""
    stage, why = walk.ended(commit, 3)
    label, _ = walk.artifact(commit)
    assert stage == "release", (stage, why)
    assert "approvals" in why, why
    say(f"{label} waits for an approval: {why[:160]}")
    walk("approve", label, "--to", "production", "--yes", "--key", str(walk.key))
    walk.ended(commit, 0)
    assert walk.served() == {label.partition("@")[2]}
    gate = json.loads(walk("gates", label, "--to", "production", "--json").stdout)["gates"]
    assert {one["name"]: one["state"] for one in gate}["after manual"] == "there"
    say(f"{label} is in production, with parity")
    return label


def is_kept_out(walk, what, good):
    """A commit that breaks something stops, and no way leads it to production; returns its label."""
    path, pair, stage, code = BROKEN[what]
    commit, undo = walk.change(path, pair, f"Break {what}")
    try:
        ended, why = walk.ended(commit, code)
        assert ended == stage, (ended, why)
        label, archive = walk.artifact(commit)
        say(f"{label} breaks {what}: {why[:200]}")
        about = {"commit": commit, "label": label, "archive": archive[:16], "key": walk.key}
        for way in WAYS:
            told = walk(*way.format(**about).split(), code=(0, 3) if way.startswith("approve") else 3)
            say(f"    {told.returncode} cdconf {way.format(**about)[:70]}: {first_line(told.stderr)}")
        assert walk.served() == {good.partition("@")[2]}
        return label, undo
    except BaseException:
        undo()
        raise


def first_line(text):
    found = re.search(r"^error: (.*)$", text, re.MULTILINE)
    return found[1][:140] if found else ""


def passes_by_an_override(walk, label, good):
    """An override brings even that to production, and the way back is open."""
    walk("deploy", label, "--to", "production", "--override", REASON)
    assert walk.served() == {label.partition("@")[2]}
    say(f"{label} is in production by an override")
    walk("rollback", "production", "shop")
    assert walk.served() == {good.partition("@")[2]}
    say(f"{good} is back")


def walk_through(walk):
    commit, _ = walk.change(APP, ("<h1>The shop</h1>", "<h1>The new shop</h1>"), "Call it the new shop")
    good = goes_through(walk, commit)
    for what in BROKEN:
        label, undo = is_kept_out(walk, what, good)
        if what == "an acceptance test":
            passes_by_an_override(walk, label, good)
        undo()
    commit, _ = walk.change(APP, ("<h1>The new shop</h1>", "<h1>The newest shop</h1>"), "Call it the newest shop")
    goes_through(walk, commit)


def main():
    """Exits with 1 and says why when something isn't as it should be; the hosts are removed whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="cdconf-example-"))
    walk, watch = Walk(folder), None
    try:
        walk.make()
        say("production's machines are there")
        walk("provision", "production", "--override", REASON)
        watch = walk.watch()
        walk_through(walk)
        say("all is well")
    except AssertionError as error:
        say(f"FAILED: {error}")
        sys.exit(1)
    finally:
        if watch is not None:
            watch.send_signal(signal.SIGTERM)
            watch.wait()
        walk.remove()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
