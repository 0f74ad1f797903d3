"""An agent that keeps its data in a temp directory instead of the host's own, run by any Python."""

import atexit
import bz2
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from cdconf.agent.install import unpacked
from cdconf.inventory import Host
from cdconf.session.bundle import bundle, pack, start_command
from cdconf.session.session import Session
from cdconf.session.start import Start
from cdconf.session.sudo import SudoPasswords
from cdconf.session.transport import PipeTransport

VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
DATA = "/var/lib/cdconf"
MOVED = "TESTS_AGENT_DATA"  # an environment variable: the directory that stands for DATA


@functools.cache
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


@functools.cache
def moved_agent():
    """The agent, which finds its data directory in its environment; nothing else of it is changed."""
    literal = re.compile(b'"' + re.escape(DATA.encode()) + b'(/?)"')
    variable = b'(__import__("os").environ["' + MOVED.encode() + rb'"]+"\1")'
    files = {path: literal.sub(variable, source) for path, source in unpacked(bz2.decompress(bundle().data))}
    assert not [path for path, source in files.items() if DATA.encode() in source]
    return pack(files)


@functools.cache
def _installed(python):
    """A data directory in which one Python has compiled the agent: once for all tests of this process."""
    folder = Path(tempfile.mkdtemp(prefix="tests-agent-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    agent = PrivateAgent(python, folder, installed=False)
    agent.open().close()
    return agent.data


class PrivateAgent:
    """Starts agents with one Python, all with the same data directory.

    Args:
        python: Its path.
        folder: An empty directory.
        umask: What the agent's process begins with.
        env: Its environment.
        installed: It's in its cache already, as on a host that has been worked on before.
    """

    def __init__(self, python, folder, umask=0o022, env=None, *, installed=True):
        self.python = python
        self.folder = folder
        self.umask = umask
        self.data = folder / "data"
        own = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", MOVED: str(self.data)}
        self.env = {**own, **(env or {})}
        self.bundle = moved_agent()
        if installed:
            shutil.copytree(_installed(python) / ".agent", self.data / ".agent")
            self.data.chmod(0o700)

    def command(self, nonce):
        """The real start command's Python part, for this Python and data directory."""
        boot = start_command(self.bundle.digest, nonce)[4]
        packed = re.search(r'a2b_base64\("(.*)"\)', boot).group(1)
        moved = f"import binascii,zlib;s=zlib.decompress(binascii.a2b_base64('{packed}')).decode();"
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
