"""The pytest side: a `host` fixture whose commands go to the hosts through the controller's live sessions.

Loaded into the smoke tests' own process. $CDCONF_SMOKE names a JSON file: `{"socket", "roles": {role: [hosts]},
"environment", "hosts": {name: {...}}}`. Over the socket go lines of JSON: `{"host", "command"}` answered by
`{"status", "stdout", "stderr"}` (base64) or `{"error"}`; `{"report": {...}}` and `{"uncollected": text}` aren't
answered.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import testinfra.backend.base
import testinfra.host

HOST = "cdconf-host"


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

    def __init__(self, channel: _Channel, name: str) -> None:
        self._channel = channel
        super().__init__(name)

    def run(self, command: str, *args: str, **kwargs: Any) -> Any:
        """Runs a command on the host."""
        line = self.get_command(command, *args)
        answer = self._channel.ask({"host": self.hostname, "command": line})
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
            metafunc.parametrize("host", self.config["roles"].get(role, []), indirect=True, scope="session")

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Notes on which host a test runs, for its report; a test's own parameters say nothing about that."""
        callspec = getattr(item, "callspec", None)
        if callspec is not None and "host" in callspec.params:
            item.user_properties.append((HOST, callspec.params["host"]))

    @pytest.fixture(scope="session")
    def host(self, request: pytest.FixtureRequest) -> Any:
        """The testinfra host."""
        return self.hosts[request.param]

    @pytest.fixture
    def inventory(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        """`{"environment", "hosts": {name: {"name", "address", "groups"}}}`."""
        return {name: self.config[name] for name in ("environment", "hosts")}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tells the controller which file can't be collected, and why: the end of pytest's explanation."""
        if report.failed:
            reasons = [line[2:].strip() for line in report.longreprtext.splitlines() if line.startswith("E ")]
            why = reasons or report.longreprtext.strip().splitlines()[-1:]
            self.channel.send({"uncollected": f"{report.nodeid or 'all'}: {why[-1] if why else 'no reason given'}"})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tells the controller how a test ended."""
        if report.when == "call" or not report.passed:
            path, _, test = report.nodeid.partition("[")[0].partition("::")
            host = dict(report.user_properties).get(HOST, "")
            message = None if report.passed else report.longreprtext or ""
            data = {"host": host, "test": f"{Path(path).parent.parent.name}: {test}", "outcome": report.outcome}
            self.channel.send({"report": {**data, "message": message, "duration_s": report.duration}})


def pytest_configure(config: pytest.Config) -> None:
    """Registers the plugin; the tests' process exists for it alone.

    The project's directories stay clean: only what pytest and its plugins consist of is kept compiled, which pytest
    would compile anew in each process otherwise.
    """
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    config.pluginmanager.register(Plugin(), "cdconf-smoke")
