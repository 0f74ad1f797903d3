"""A project whose hosts run, made by cdconf's own provider, and gone at the end."""

import contextlib
import json
import re
import shutil
import subprocess
import time

from tests.conftest import begun, cdconf, git, write
from tests.host_image import furnished
from tests.hosts.leases import until_free
from tests.inside import inside


class Live:
    """A project with hosts that run."""

    def __init__(self, root):
        self.root = root

    def __call__(self, *arguments, code=0, **environment):
        """Runs cdconf; its exit code must be `code`."""
        result = cdconf(self.root, *arguments, **environment)
        assert result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def commit(self, **files):
        """Writes files, commits, builds; returns the version."""
        write(self.root, files)
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "change", "--allow-empty")
        self("build", "app")
        return self.head()

    def head(self):
        """The version that HEAD's build has."""
        return git(self.root, "describe", "--always", "--tags", "--abbrev=10")

    def container(self, host):
        """The name of a host's container."""
        return container(self.root, host)

    def on(self, host, command):
        """What a command prints on a host, past SSH."""
        return on(self.container(host), command)

    def release(self, *, newest=True):
        """The version that all hosts run: the one that's there when it's as a deployment leaves it, else a new one.

        Args:
            newest: It must be the build of HEAD, which is the one that `deploy app` brings.
        """
        version = settled(self, "app")
        if version is None or (newest and version != self.head()) or set(self.served().values()) != {version}:
            version = self.commit(note=str(time.time_ns()))
            self("deploy", "app", "--to", "dev")
            assert self.served() == {"web1": version, "web2": version}
        return version

    def served(self):
        """What each host serves."""
        return {host: self.on(host, "curl -sS http://127.0.0.1:8000/") for host in ("web1", "web2")}

    def document(self, *arguments, code=0):
        return json.loads(self(*arguments, "--json", code=code).stdout)

    def begun(self, *arguments, until):
        """Starts cdconf; returns the process when it says `until`."""
        process = begun(self.root, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in process.stderr:
            if until in line:
                return process
        raise AssertionError(f"it never said '{until}'")

    def deploying(self, until):
        """Starts a deployment; returns the process when it says `until`."""
        return self.begun("deploy", "app", "--to", "dev", until=until)

    def free(self):
        """Waits until no lease is held."""
        until_free(self)


def settled(live, app):
    """The version that web1 and web2 run and have verified, where nothing differs from what's wanted; else None.

    Args:
        live: A project whose hosts run, with `root` and `on`.
        app: Its name.
    """
    releases = set()
    for host in ("web1", "web2"):
        try:
            ledger = json.loads(live.on(host, f"cat /var/lib/cdconf/{project_of(live.root)}/ledger.json"))[app]
        except (ValueError, KeyError):
            return None
        if ledger["activating"] or ledger["verified"][-1:] != [ledger["current"]]:
            return None
        releases.add(ledger["current"])
    if len(releases) != 1 or cdconf(live.root, "drift", "dev").returncode:
        return None
    return releases.pop().rpartition("-")[0]


def project_of(root):
    """The name of the project in a directory."""
    return re.search(r"^project: *(\S+)", (root / "cdconf.yml").read_text(), re.MULTILINE)[1]


def eventually(question, within):
    """Waits until the question is answered with something true; returns that."""
    deadline = time.monotonic() + within
    while True:
        answer = question()
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(0.5)


def container(root, host, environment="dev"):
    """The name of a host's container, as the provider makes it."""
    return f"cdconf-{project_of(root)}-{environment}-{host}-{(root / '.cdconf/checkout').read_text().strip()}"


def on(name, command):
    """What a command prints in a container, whatever its exit status."""
    words = [*inside(name), "bash", "-c", command]
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    done = subprocess.run(words, timeout=120, check=False, **pipes)
    return done.stdout.strip()


@contextlib.contextmanager
def provisioned(folder, files, kind=Live):
    """A project in a git repository, its environment `dev` provisioned.

    Args:
        folder: Where it's written.
        files: Path -> text.
        kind: The class of what's given.
    """
    root = write(folder, furnished(files))
    if (root / "build.sh").exists():
        (root / "build.sh").chmod(0o755)
    git(root, "init", "-q")
    one = kind(root)
    try:
        one("provision", "dev")
        yield one
    finally:
        cdconf(root, "destroy", "dev", "--yes")
        shutil.rmtree(root, ignore_errors=True)
