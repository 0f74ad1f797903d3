"""The pytest side: a `host` fixture whose commands go to the hosts through the controller's live sessions.

Loaded into the smoke tests' own process. $CDCONF_SMOKE names a JSON file: `{"socket", "roles": {role: [hosts]},
"environment", "hosts": {name: {...}}}`. Over the socket go lines of JSON: `{"host", "command", "user"}` (no `user` for
root) answered by `{"status", "stdout", "stderr"}` (base64) or `{"error"}`; `{"report": {...}}` and `{"uncollected":
text, "test"}` aren't answered.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import testinfra.backend.base
import testinfra.host

HOST = "cdconf-host"
SHOWN = "cdconf://"  # what a host's name has before it in a test's parameters, where others may be the same word


class _Channel:
    """The connection to the controller."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._stream = self._socket.makefile("rwb")

    def send(self, message: dict[str, Any]) -> None:
        self._stream.write(json.dumps(message).encode() + b"\n")
        self._stream.flush()

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        self.send(message)
        line = self._stream.readline()
        if not line:
            raise RuntimeError("the controller is gone")
        answer: dict[str, Any] = json.loads(line)
        return answer


class SessionBackend(testinfra.backend.base.BaseBackend):  # type: ignore[misc]
    """A testinfra backend that runs commands through the controller."""

    NAME = "cdconf"

    def __init__(self, channel: _Channel, name: str, user: str | None = None) -> None:
        self._channel = channel
        self._user = user
        super().__init__(name)

    def run(self, command: str, *args: str, **kwargs: Any) -> Any:
        """Runs a command on the host."""
        line = self.get_command(command, *args)
        whose = {} if self._user is None else {"user": self._user}
        answer = self._channel.ask({"host": self.hostname, "command": line, **whose})
        if "error" in answer:
            raise RuntimeError(answer["error"])
        out, err = (base64.b64decode(answer[name]) for name in ("stdout", "stderr"))
        return self.result(answer["status"], self.encode(line), out, err)


class Plugin:
    """Parametrises every test with the hosts that its role is on, and reports to the controller."""

    def __init__(self) -> None:
        self.config = json.loads(Path(os.environ["CDCONF_SMOKE"]).read_text(encoding="utf-8"))
        self.channel = _Channel(self.config["socket"])
        self.hosts = {name: testinfra.host.Host(SessionBackend(self.channel, name)) for name in self.config["hosts"]}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """roles/ROLE/smoke/test_x.py runs on the hosts that have the role."""
        role = Path(metafunc.definition.path).parent.parent.name
        if "host" in metafunc.fixturenames:
            names = self.config["roles"].get(role, [])
            metafunc.parametrize("host", names, indirect=True, scope="session", ids=[SHOWN + name for name in names])

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Notes on which host a test will run, for its report; a test's own parameters say nothing about that."""
        callspec = getattr(item, "callspec", None)
        if callspec is not None and "host" in callspec.params:
            item.user_properties.append((HOST, callspec.params["host"]))

    @pytest.fixture(scope="session")
    def host(self, request: pytest.FixtureRequest) -> Any:
        """The testinfra host."""
        return self.hosts[request.param]

    @pytest.fixture(scope="session")
    def host_as(self, host: Any) -> Any:
        """`host_as(USER)`: the testinfra host, whose commands run as that user of the host."""

        def of(user: str) -> Any:
            return testinfra.host.Host(SessionBackend(self.channel, host.backend.hostname, user))

        return of

    @pytest.fixture
    def inventory(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        """`{"environment", "hosts": {name: {"name", "address", "groups"}}}`."""
        return {name: self.config[name] for name in ("environment", "hosts")}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tells the controller which file can't be collected, and why: the end of pytest's explanation."""
        if report.failed:
            self.channel.send({"uncollected": _uncollected(report), "test": named(report.nodeid)})
        elif report.skipped:  # a whole file
            self._tell("", report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tells the controller how a test ended."""
        if report.when == "call" or not report.passed:
            self._tell(str(dict(report.user_properties).get(HOST, "")), report)

    def _tell(self, host: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        message = None if report.passed else _reason(report) or report.longreprtext or ""
        data = {"host": host, "test": named(report.nodeid, host), "outcome": report.outcome, "message": message}
        self.channel.send({"report": {**data, "duration_s": getattr(report, "duration", 0.0)}})


def named(nodeid: str, host: str = "") -> str:
    """`ROLE: FILE::TEST[PARAMETERS]` for pytest's `roles/ROLE/smoke/FILE::TEST[...]`, without the host in these."""
    path, _, test = nodeid.partition("::")
    name, _, given = test.partition("[")
    parts = _without(given.removesuffix("]"), SHOWN + host) if host else given.removesuffix("]")
    file = Path(path)
    shown = f"{file.name}::{name}" if name else file.name
    return f"{file.parent.parent.name}: {shown}" + (f"[{parts}]" if parts else "")


def _without(given: str, host: str) -> str:
    """A test's parameters without one of them."""
    if given == host:
        return ""
    if given.startswith(f"{host}-"):
        return given.removeprefix(f"{host}-")
    return given.removesuffix(f"-{host}") if given.endswith(f"-{host}") else given.replace(f"-{host}-", "-", 1)


def _uncollected(report: pytest.CollectReport) -> str:
    """Which file can't be collected, in which line, and why."""
    said = report.longreprtext
    reasons = [line[2:].strip() for line in said.splitlines() if line.startswith("E ")] or said.strip().splitlines()
    why = reasons[-1] if reasons else "no reason given"
    if why.startswith("ModuleNotFoundError"):
        why += "; `smoke: {packages: FILE}` in cdconf.yml names a lock file of packages for smoke tests"
    # "FILE:3: in <module>", and of a line that isn't Python: 'E     File "/…/FILE", line 3'
    name = re.escape(report.nodeid)
    line = re.search(rf'^{name}:(\d+): in |^E +File ".*/{name}", line (\d+)', said, re.MULTILINE)
    return f"{report.nodeid or 'all'}{f':{line[1] or line[2]}' if line else ''}: {why}"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Why something was skipped, or was expected to fail."""
    if not report.skipped:
        return None
    expected = getattr(report, "wasxfail", None)
    if expected is not None:
        return f"it's expected to fail: {expected}" if expected else "it's expected to fail"
    return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else None


def pytest_configure(config: pytest.Config) -> None:
    """Registers the plugin; the tests' process exists for it alone.

    The project's directories stay clean: only what pytest and its plugins consist of is kept compiled, which pytest
    would compile anew in each process otherwise.
    """
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    config.pluginmanager.register(Plugin(), "cdconf-smoke")
