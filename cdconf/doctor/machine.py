"""This machine: Python, the programs that cdconf starts, the engine, and what its extras bring."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cdconf import __version__
from cdconf.doctor.check import Check, tried

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project

_LIMIT = 10.0  # seconds for a program to say its version
_NEWEST = (3, 14)  # tested with cdconf


class Program(NamedTuple):
    """A program that cdconf starts: how it says its version, what it's for, and which package brings it."""

    version: tuple[str, ...]
    purpose: str
    package: str
    is_needed: bool = True


PROGRAMS: Mapping[str, Program] = MappingProxyType(
    {
        "git": Program(("--version",), "commits, builds and plans of revisions", "git"),
        "ssh": Program(("-V",), "`cdconf ssh`, and hosts behind a ProxyCommand", "openssh-client"),
        "tar": Program(("--version",), "builds", "tar"),
        "ssh-keygen": Program((), "approvals", "openssh-client", is_needed=False),
    }
)
_EXTRAS = {"psycopg": "postgresql", "s3fs": "s3"}


def machine_checks(project: Project | None, environments: Iterable[Environment]) -> Iterator[Check]:
    """What has to be there, by what the project uses.

    Args:
        project: The project; None where there's none.
        environments: Those that can be read.
    """
    yield Check("cdconf", "ok", __version__)
    yield _python()
    for name, program in PROGRAMS.items():
        yield _program(name, program)
    providers = {environment.provider for environment in environments}
    if "docker" in providers:
        yield tried("Docker engine", _engine)
    if "vagrant" in providers:
        yield _program("vagrant", Program(("--version",), "environments with `provider: vagrant`", "vagrant"))
    if project is not None:
        yield from _extras(project)


def _python() -> Check:
    version = platform.python_version()
    if tuple(map(int, platform.python_version_tuple()[:2])) > _NEWEST:
        newest = ".".join(map(str, _NEWEST))
        return Check("Python", "warning", version, f"cdconf was tested with Python up to {newest}")
    return Check("Python", "ok", version)


def _program(name: str, program: Program) -> Check:
    path = shutil.which(name)
    if path is None:
        said = f"isn't installed; it's for {program.purpose}"
        return Check(name, "problem" if program.is_needed else "warning", said, f"apt-get install {program.package}")
    return Check(name, "ok", _version(path, program.version) if program.version else path)


def _version(path: str, arguments: tuple[str, ...]) -> str:
    """The first line of what a program says of itself; its path where it says nothing."""
    try:
        done = subprocess.run([path, *arguments], capture_output=True, timeout=_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return path
    lines = (done.stdout or done.stderr).decode("utf-8", "replace").strip().splitlines()
    return lines[0][:80] if lines else path


def _engine() -> str:
    from cdconf.environments.docker.listing import engine

    client = engine(timeout=20)
    try:
        return str(client.version()["Version"])
    finally:
        client.close()


def _extras(project: Project) -> Iterator[Check]:
    """The packages that the project's database and store need."""
    from cdconf.history.database import url_of

    wanted = []
    if (url_of(project.database) or "").startswith("postgresql"):
        wanted.append("psycopg")
    if str(project.store or "").startswith("s3:"):
        wanted.append("s3fs")
    for module in wanted:
        if importlib.util.find_spec(module) is None:
            hint = f"pip install 'cdconf[{_EXTRAS[module]}]'"
            yield Check(module, "problem", "isn't installed, and the project needs it", hint)
        else:
            yield Check(module, "ok", "installed")
