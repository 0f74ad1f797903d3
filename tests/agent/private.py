"""An agent that keeps its data in a temp directory instead of the host's own, run by any Python."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cdconf.agent.install import unpacked
from cdconf.inventory import Host
from cdconf.session.bundle import Bundle, bundle, pack, start_command
from cdconf.session.session import Session
from cdconf.session.start import Start
from cdconf.session.sudo import SudoPasswords
from cdconf.session.transport import PipeTransport

VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
DATA = "/var/lib/cdconf"


def find(version):
    """A CPython of that version; where there is none the test fails in CI and is skipped elsewhere."""
    candidates = [str(path) for path in Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python3")]
    candidates += [found for found in (shutil.which(f"python{version}"),) if found]
    for python in candidates:
        said = subprocess.run([python, "--version"], capture_output=True, text=True, check=False, timeout=30)
        if said.stdout.startswith(f"Python {version}."):
            return python
    if os.environ.get("CI") == "true":
        pytest.fail(f"there is no Python {version} here, and CI must test on it")
    pytest.skip(f"there is no Python {version} here (looked into ~/.pyenv/versions and PATH)")
    raise AssertionError


class PrivateAgent:
    """Starts agents with one Python, all with the same data directory.

    Args:
        python: Its path.
        folder: An empty directory.
        umask: What the agent's process begins with.
        env: Its environment.
    """

    def __init__(self, python, folder, umask=0o022, env=None):
        self.python = python
        self.folder = folder
        self.umask = umask
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", **(env or {})}
        self.data = folder / "data"
        self.bundle = self._moved(bundle())

    def _moved(self, original):
        """The agent with the data directory changed, and nothing else."""
        files = {
            path: source.replace(DATA.encode(), str(self.data).encode()) for path, source in unpacked(original.data)
        }
        data = pack(files)
        return Bundle(data, hashlib.sha256(data).hexdigest())

    def command(self, nonce):
        """The real start command's Python part, for this Python and data directory."""
        boot = start_command(self.bundle.digest, nonce)[4]
        packed = re.search(r'b64decode\("(.*)"\)', boot).group(1)
        moved = f"import base64,zlib;s=zlib.decompress(base64.b64decode('{packed}')).decode();"
        moved += f"exec(s.replace({DATA!r},{str(self.data)!r}))"
        python = [self.python, "-X", "utf8", "-W", "error", "-I", "-S", "-c", moved, self.bundle.digest, nonce]
        variables = [f"{name}={value}" for name, value in self.env.items()]
        shell = ["sh", "-c", 'umask "$1"; shift; exec "$@"', "sh", f"{self.umask:o}"]
        return ["env", "-i", *variables, *shell, *python]

    def open(self, project="demo", facts=()):
        """A session: booted, opened."""
        host = Host("here", (), transport="local")
        transport = PipeTransport(self.command("nonce"))
        try:
            start = Start(transport, host, "nonce", self.bundle, SudoPasswords(None, None, print), print)
            start.run()
            return Session(host, transport, start.rest, project, facts)
        except BaseException:
            transport.close()
            raise


def resource(kind, title, absent=False, notify=(), **fields):
    """A catalog's entry."""
    return {
        "id": f"{kind}:{title}",
        "type": kind,
        "title": title,
        "fields": fields,
        "absent": absent,
        "source": "roles/x/role.yml:1",
        "role": "x",
        "notify": list(notify),
        "sensitive": False,
        "identity": ["path"],
        "removable": True,
        "order": 0,
    }


def catalog(*resources, handlers=()):
    """A whole catalog of local types."""
    compare = {
        "file": ["content", "owner", "group", "mode"],
        "directory": ["owner", "group", "mode"],
        "link": ["target"],
        "command": [],
    }
    entries = {name: dict(entry, name=name, action="run", app=None) for name, entry in dict(handlers).items()}
    return {"complete": True, "compare": compare, "resources": list(resources), "handlers": entries}
