"""The team's world: machines behind a bastion, a PostgreSQL, an S3 server and a directory, and three clones.

Each member has a clone, a home and a key of its own. Ann's clock is an hour behind.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import git, write
from tests.history.postgresql import Server, programs
from tests.hosts.machines import Machines
from tests.prepared import BEHIND, prepared

REPOSITORY = Path(__file__).resolve().parents[2]
HOSTS = ("web1", "web2")
MEMBERS = {"ann": 3600.0, "bob": 0.0, "ci": 0.0}  # by how many seconds each one's clock is behind
HELD = 3
TRIES = 60
FILES = {
    "cdconf.yml": """
        project: team
        store: {store}
        lease: {{ttl: 8s}}
        groups:
          web: [app]
        apps:
          app:
            groups: [web]
            build: ./build
            artifact: dist/app-*.tar.gz
            path: /srv/app
            services: [app]
    """,
    "build": """
        #!/bin/sh -e
        mkdir -p out dist
        echo "$CDCONF_VERSION" > out/VERSION
        tar -C out -czf "dist/app-$CDCONF_VERSION.tar.gz" .
    """,
    "roles/app/role.yml": """
        resources:
          - directory: /srv/app
          - systemd_unit: app.service
            content: |
              [Service]
              WorkingDirectory=/srv/app/current
              ExecStart=/bin/sleep infinity
              [Install]
              WantedBy=multi-user.target
          - service: app
            enabled: true
    """,
    "roles/app/smoke/test_app.py": """
        def test_it_runs(host):
            assert host.service("app").is_running
    """,
    ".gitignore": ".cdconf/\nout/\ndist/\n",
}


class Member:
    """One of the team: a clone, a home, a clock.

    Args:
        name: Who.
        root: The clone.
        env: What the environment says beside this process's own.
    """

    def __init__(self, name, root, env):
        self.name = name
        self.root = root
        self.env = env
        self.runs = 0  # that the history must know
        self.signed = []  # labels

    def try_(self, *arguments):
        """Runs cdconf."""
        result = prepared().run([str(one) for one in arguments], self.root, {**os.environ, **self.env}, timeout=120)
        shown = f"{self.name}: {arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        assert "bug in cdconf" not in shown, shown
        result.shown = shown
        return result

    def __call__(self, *arguments):
        """Runs cdconf, whose exit code must be 0."""
        result = self.try_(*arguments)
        assert result.returncode == 0, result.shown
        return result

    def document(self, *arguments):
        return json.loads(self(*arguments, "--json").stdout)

    def until_free(self, *arguments, fine=(0,)):
        """Runs a verb that takes leases again and again, while others hold the hosts; each try is a run."""
        for _ in range(TRIES):
            result = self.try_(*arguments)
            self.runs += 1
            if result.returncode != HELD or "held by" not in result.stderr:
                assert result.returncode in fine, result.shown
                return result
        raise AssertionError(f"the hosts never were free: {result.shown}")

    def commit(self, text):
        """Commits and pushes; others may be faster."""
        (self.root / f"{self.name}.txt").write_text(f"{text}\n")
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", text)
        for _ in range(TRIES):
            git(self.root, "pull", "-q", "--rebase")
            with contextlib.suppress(subprocess.CalledProcessError):
                git(self.root, "push", "-q")
                return
        raise AssertionError("never pushed")


class World:
    """Everything that the team shares.

    Args:
        folder: A temporary directory.
        stack: Ends what was started.
    """

    def __init__(self, folder, stack):
        self.folder = folder
        self.machines = Machines(folder, list(HOSTS))
        stack.callback(self.machines.remove)
        self.machines.make()
        database = stack.enter_context(Server(programs()))
        shared = _s3(stack) | {"CDCONF_DATABASE": database.url}
        (folder / "store").mkdir()
        self.stores = {"s3": "s3://artifacts/team", "directory": str(folder / "store")}
        git(folder, "init", "-q", "--bare", "-b", "main", "origin.git")
        self.members = [self._member(name, shared) for name in MEMBERS]
        self._begin()

    def _member(self, name, shared):
        home = self.folder / f"home-{name}"
        home.mkdir()
        git(self.folder, "clone", "-q", "origin.git", name)
        behind = {BEHIND: str(MEMBERS[name])}
        known = dict.fromkeys(("CDCONF_SIGNING_KEY", "CDCONF_TRUSTED_KEYS"), "")
        return Member(name, self.folder / name, {**shared, **known, **behind, "HOME": str(home)})

    def _begin(self):
        first, *others = self.members
        fields = {"user": "deploy", "become": "sudo", "jump": f"ops@{self.machines.addresses['bastion']}"}
        fields |= {"identity_file": str(self.machines.key), "known_hosts": str(self.machines.known)}
        hosts = {name: {"address": self.machines.addresses[name], "groups": ["web"]} for name in HOSTS}
        write(first.root, {name: text for name, text in FILES.items() if name != "cdconf.yml"})
        (first.root / "build").chmod(0o755)
        write(first.root, {"inventories/production/hosts.yml": json.dumps({"ssh": fields, "hosts": hosts})})
        self._write_store("s3")
        git(first.root, "checkout", "-q", "-B", "main")
        first_commit(first.root)
        for one in others:
            git(one.root, "pull", "-q", "origin", "main")
            git(one.root, "checkout", "-q", "-B", "main", "origin/main")
        keys = {one.name: one("key", "new").stdout.strip() for one in self.members}
        for one in self.members:
            for name, key in keys.items():
                if name != one.name:
                    one("key", "trust", *key.split())
            one.runs += len(keys)
        self.keys = {one.name: one.document("key", "show")["key"]["id"] for one in self.members}
        first("provision", "production")
        first.runs += 1

    def _write_store(self, kind):
        text = FILES["cdconf.yml"].format(store=json.dumps(self.stores[kind]))
        write(self.members[0].root, {"cdconf.yml": text})

    def use(self, kind):
        """From now on the store is `s3` or `directory`."""
        self._write_store(kind)
        self.members[0].commit(f"store: {kind}")
        for one in self.members:
            git(one.root, "pull", "-q", "--rebase")

    def current(self):
        """Which version each host really runs."""
        found = (self.machines.shell(host, "readlink /srv/app/current") for host in HOSTS)
        return {link.rpartition("/")[2].rpartition("-")[0] for link in found}

    def past(self):
        """The versions that web1 says were brought into use and stayed so, the oldest first."""
        ledger = self.machines.shell("web1", "cat /var/lib/cdconf/team/ledger.json")
        events = json.loads(ledger)["app"]["events"]
        ends = {"verified": "version", "rolled_back": "to"}
        return [one["run"] for one in events if one["event"] in ends and "run" in one]


def first_commit(root):
    git(root, "add", "-A")
    git(root, "commit", "-qm", "begin")
    git(root, "push", "-q", "-u", "origin", "main")


def _s3(stack):
    """A server of S3's protocol with a bucket; what the environment must say to reach it."""
    import botocore.session

    command = [sys.executable, "-m", "tests.artifacts.s3_server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    server = stack.enter_context(subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes))
    stack.callback(server.stdin.close)
    url = server.stdout.readline().strip()
    known = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    client = botocore.session.get_session().create_client(
        "s3", "us-east-1", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_bucket(Bucket="artifacts")
    client.close()
    return known | {"AWS_DEFAULT_REGION": "us-east-1"}


@contextlib.contextmanager
def team(folder):
    """The world, for as long as it's entered."""
    with contextlib.ExitStack() as stack:
        yield World(folder, stack)
