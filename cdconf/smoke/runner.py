"""The controller's side: one pytest process per batch, its commands run through the live sessions."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shlex
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdconf.errors import CdconfError
from cdconf.events import Emit, SmokeDone
from cdconf.isolation import Account, account
from cdconf.no_code import check_code
from cdconf.roles import smoke_files
from cdconf.smoke.checkout import copy_checkout
from cdconf.smoke.contained import run_in_container
from cdconf.smoke.process import pytest_process

RunOn = Callable[..., Mapping[str, Any]]  # of a command line, and of the user who isn't root
LONGEST = 107  # bytes of a unix socket's path, see unix(7)
LARGEST = 64 * 1024 * 1024  # bytes of a message: as much as a frame of the agent's
TIMEOUT = 600
_TESTS_FAILED, _NO_TESTS = 1, 5
_NAMED = 5  # skipped tests


@dataclass
class SmokeReport:
    """How the smoke tests ended. `problem` is set when they couldn't be run as they should.

    A problem is nobody's verdict: it says nothing about the release. `isolated`: they couldn't reach any key; `why`:
    why they could.
    """

    passed: int = 0
    failed: dict[str, list[str]] = field(default_factory=dict)
    unreachable: dict[str, CdconfError] = field(default_factory=dict)
    problem: str | None = None
    isolated: bool = False
    why: str = ""
    skipped: list[str] = field(default_factory=list)
    uncollected: dict[str, list[str]] = field(default_factory=dict)  # host -> why tests of its roles didn't run

    @property
    def ok(self) -> bool:
        """Whether at least one test ran, and all passed."""
        return self.passed > 0 and not (self.failed or self.uncollected or self.problem or self.unreachable)


def run_smoke(
    root: Path,
    roles: Mapping[str, list[str]],
    hosts: Mapping[str, Mapping[str, Any]],
    environment: str,
    run_on: Mapping[str, RunOn],
    emit: Emit,
    variables: Mapping[str, str] | None = None,
    packages: Path | None = None,
) -> SmokeReport:
    """Runs the roles' smoke tests.

    Args:
        root: The project.
        roles: Role -> names of the hosts that it's tested on.
        hosts: Name -> what tests may know of a host.
        environment: The environment's name.
        run_on: Name -> a function that runs a command line there and returns status, stdout, stderr.
        emit: Gets a `SmokeDone` per test and host.
        variables: Environment variables for the tests.
        packages: A directory with Python packages that they may import, see `cdconf.smoke.packages`.

    Returns:
        The report; tests that can't be collected, none at all, or none in time are its `problem`. A file that can't be
        collected doesn't keep the others from running.
    """
    files = smoke_files(root, roles)
    report = SmokeReport()
    if not files:
        report.problem = f"no smoke tests: none of the roles {', '.join(roles)} has smoke/test_*.py"
        return report
    data = {"roles": dict(roles), "hosts": dict(hosts), "environment": environment}
    with contextlib.ExitStack() as stack:
        try:
            server, config, tester = stack.enter_context(_served(root, data, run_on, report, emit))
        except CdconfError as error:
            report.problem = str(error)
            return report
        report.isolated, report.why = tester.isolated, tester.why
        options = _importing(tester, packages)
        status, output = _pytest(tester, root, files, {**(variables or {}), "CDCONF_SMOKE": config}, *options)
    if report.problem is not None:
        pass  # what came over the socket was no test's
    elif server.uncollected:
        report.problem = _uncollected(server)
    elif status == _TESTS_FAILED and not report.failed:
        report.problem = "pytest says that tests failed, and not which:\n" + "\n".join(output.splitlines()[-20:])
    elif report.skipped and not report.passed and status in (0, _NO_TESTS):
        report.problem = "every smoke test was skipped, so they prove nothing:\n" + "\n".join(report.skipped[:_NAMED])
    elif status == _NO_TESTS or (status == 0 and not report.passed):
        report.problem = "no smoke test was collected"
    elif status not in (0, _TESTS_FAILED):
        how = f"pytest was killed by signal {-status}" if status < 0 else f"pytest ended with exit status {status}"
        report.problem = "\n".join([f"the smoke tests couldn't run: {how}", *output.splitlines()[-20:]])
    return report


def check_runnable(
    root: Path,
    roles: Mapping[str, list[str]],
    hosts: Mapping[str, Mapping[str, Any]],
    packages: Path | None = None,
) -> None:
    """Finds out whether the smoke tests could be run now: they're collected, in the very way in which they're run.

    Args:
        root: The project.
        roles: Role -> names of the hosts that it would be tested on.
        hosts: Name -> what tests may know of a host.
        packages: See `run_smoke`.

    Raises:
        CdconfError: They can't be.
    """
    files = smoke_files(root, roles)
    if not files:
        return
    data = {"roles": dict(roles), "hosts": dict(hosts), "environment": ""}
    with _served(root, data, {}, SmokeReport(), lambda event: None) as (server, config, tester):
        options = _importing(tester, packages)
        status, output = _pytest(tester, root, files, {"CDCONF_SMOKE": config}, "--collect-only", *options)
    hint = "`cdconf smoke ENV` runs them alone"
    if server.uncollected:
        raise CdconfError(_uncollected(server), hint=hint)
    if status == _NO_TESTS:
        raise CdconfError("no smoke test was collected", hint=hint)
    if status != 0:
        raise CdconfError("the smoke tests can't be run", detail="\n".join(output.splitlines()[-20:]), hint=hint)


def _importing(tester: Account, packages: Path | None) -> list[str]:
    """The options that let tests import packages; whoever runs as another user gets a copy."""
    if packages is None:
        return []
    if tester.isolated:
        copy = tester.home / "packages"
        shutil.copytree(packages, copy, symlinks=True)
        tester.give(copy)
        packages = copy
    return ["-o", f"pythonpath={shlex.quote(str(packages))}"]


def _uncollected(server: _Server) -> str:
    return "the smoke tests can't be collected:\n" + "\n".join(server.uncollected)


@contextlib.contextmanager
def _served(
    root: Path, data: dict[str, Any], run_on: Mapping[str, RunOn], report: SmokeReport, emit: Emit
) -> Iterator[tuple[_Server, str, Account]]:
    """The controller's end, the file that tells the tests of it, and who runs them.

    Raises:
        CdconfError: This machine has no place for them.
    """
    with contextlib.ExitStack() as stack:
        check_code("what the roles' smoke tests do", "roles", None)
        try:
            tester = stack.enter_context(account("smoke", [root]))
            path = tester.folder / "socket"
            if len(os.fsencode(path)) > LONGEST:
                raise CdconfError(
                    f"the smoke tests need a socket in {tester.folder.parent}, whose path is too long for one",
                    hint="set TMPDIR to a directory with a shorter path",
                )
            server = _Server(path, run_on, report, emit, data["roles"])
            tester.give(path)
            config = tester.home / "config.json"
            config.write_text(json.dumps({"socket": str(path), **data}), encoding="utf-8")
            tester.give(config)
        except OSError as error:
            place = error.filename or tempfile.gettempdir()
            message = f"the smoke tests need a place for temporary files: {place}: {error.strerror}"
            raise CdconfError(message, hint="set TMPDIR to a directory with room in it") from error
        stack.enter_context(server)
        yield server, str(config), tester


def _pytest(
    tester: Account, root: Path, files: list[Path], variables: Mapping[str, str], *options: str
) -> tuple[int, str]:
    """Runs pytest with nothing of the user's own configuration; as another user, in a copy of the project."""
    if tester.isolated:
        copy = tester.home / "project"
        copy_checkout(root, copy)
        tester.give(copy)
        root, files = copy, [copy / path.relative_to(root) for path in files]
    arguments = ["-q", "-p", "cdconf.smoke.plugin", "-p", "no:cacheprovider"]
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # what's imported already isn't rewritten
    arguments += ["-o", "verbosity_assertions=2"]  # half a secret, cut out of the middle, couldn't be masked
    arguments += ["-c", os.devnull, "--rootdir", str(root), "--confcutdir", str(root)]
    arguments += ["--import-mode=importlib", "--continue-on-collection-errors", *options, *map(str, files)]
    environment = tester.environment(variables)
    environment.pop("PYTEST_ADDOPTS", None)
    try:
        if tester.container is not None:
            return run_in_container(tester, arguments, root, {**variables, "PYTEST_ADDOPTS": ""}, TIMEOUT)
        return pytest_process().run(arguments, root, environment, TIMEOUT, tester.rights)
    finally:
        tester.end()  # what a test has left running mustn't be there when its socket is gone


class _Server:
    """Answers the tests' commands on a unix socket that only this user can open."""

    def __init__(
        self,
        path: Path,
        run_on: Mapping[str, RunOn],
        report: SmokeReport,
        emit: Emit,
        roles: Mapping[str, list[str]] | None = None,
    ) -> None:
        self.path = path
        self._roles = roles or {}
        self.uncollected: list[str] = []
        self._run_on = run_on
        self._report = report
        self._emit = emit
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.listen(1)
        self._thread = threading.Thread(target=self._serve, name="cdconf-smoke", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes an accept that nobody answers any more
        self._socket.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):  # killed tests don't read their answers
            self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while (line := stream.readline(LARGEST)).endswith(b"\n"):  # else killed in the middle of a message
                try:
                    message = json.loads(line)
                    if "report" in message:
                        self._note(message["report"])
                        continue
                    if "uncollected" in message:
                        self._note_uncollected(str(message["uncollected"]), str(message["test"]))
                        continue
                    host, command = str(message["host"]), str(message["command"])
                    whose = [str(message["user"])] if "user" in message else []
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    self._report.problem = "the smoke tests sent something that their plugin doesn't send"
                    return
                connection.sendall(json.dumps(self._command(host, command, *whose)).encode() + b"\n")

    def _command(self, host: str, command: str, *user: str) -> dict[str, Any]:
        """Whatever runs here gets to the hosts that are tested now, and to no other."""
        if host not in self._run_on:
            return {"error": f"{host} isn't among the hosts that are tested now"}
        try:
            result = self._run_on[host](command, *user)
        except CdconfError as error:
            if error.kind == "unreachable":
                self._report.unreachable[host] = error
            return {"error": str(error)}
        return {
            "status": result["status"],
            "stdout": base64.b64encode(result["stdout"]).decode(),
            "stderr": base64.b64encode(result["stderr"]).decode(),
        }

    def _note_uncollected(self, why: str, test: str) -> None:
        """A file that can't be collected is a failed test of each host that it would have run on."""
        self.uncollected.append(why)
        names = [name for name in self._roles.get(test.partition(": ")[0], ()) if name in self._run_on]
        for host in names or list(self._run_on)[:1]:
            self._report.uncollected.setdefault(host, []).append(why)
            self._emit(SmokeDone(host, test, False, why))

    def _note(self, data: dict[str, Any]) -> None:
        passed, test, took = data["outcome"] == "passed", str(data["test"]), round(float(data["duration_s"]), 3)
        host = data["host"] if data["host"] in self._run_on else next(iter(self._run_on))  # a test may ask for no host
        if passed:
            self._report.passed += 1
        elif data["outcome"] == "failed":
            self._report.failed.setdefault(host, []).append(test)
        else:
            why = str(data["message"] or "no reason given")
            self._report.skipped.append(f"{test}: {why}")
            self._emit(SmokeDone(host, test, True, why, took, skipped=True))
            return
        lost = self._report.unreachable.get(host)  # says all that a traceback would
        said = None if data["message"] is None else str(data["message"])
        self._emit(SmokeDone(host, test, passed, said if passed or lost is None else str(lost), took))
