"""Kinds of hosts: those that start from the same snapshot."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.catalog import portable
from cdconf.environments.docker import snapshot_scrub

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.catalog.scope import Raw
    from cdconf.inventory import Environment, Host, Project
    from cdconf.roles import Variable

_SHARED = ("templates", "files")  # the project's own, which any role may use
# How snapshots are made: those that were made otherwise aren't used.
_RECIPE = repr((portable.TYPES, portable.FACTS, portable.INVENTORY, snapshot_scrub.SCRIPT, snapshot_scrub.RENEW))


@dataclass(frozen=True)
class Kind:
    """What some hosts have in common.

    Attributes:
        os: Their system.
        groups: Their groups, in order.
        image: The id of the image that they're made from without a snapshot.
        own: The variables that a snapshot mustn't be made of: those of one host or environment, and secrets.
        key: SHA-256, in hex, of all that the snapshot's content follows from.
    """

    os: str
    groups: tuple[str, ...]
    image: str
    own: frozenset[str]
    key: str

    @property
    def name(self) -> str:
        """For people, and for the snapshots of this kind that were made of older files."""
        return f"{'+'.join(self.groups)} on {self.os}"


class Kinds:
    """Tells the kinds of an environment's hosts apart; reads each file once.

    Args:
        project: The project.
        environment: The environment.
        compiler: Its compiler.
    """

    def __init__(self, project: Project, environment: Environment, compiler: Compiler) -> None:
        self._project = project
        self._environment = environment
        self._compiler = compiler
        self._digests: dict[str, str] = {}
        self._raw: dict[str, Mapping[str, Raw]] = {}
        self._own: dict[tuple[str, ...], frozenset[str]] = {}

    def of(self, host: Host, os: str, image: str) -> Kind:
        """A host's kind.

        Args:
            host: The host.
            os: Its system.
            image: See `Kind`.

        Raises:
            InvalidFile: A role or a file of variables breaks a rule.
        """
        roles = self._compiler.roles_of(host)
        own = self._own_of(host)
        paths = (*_SHARED, *(f"roles/{role.name}" for role in roles))
        inputs = {
            "recipe": _RECIPE,
            "image": image,
            "roles": [role.name for role in roles],
            "files": {path: self._digest(path) for path in paths},
            "variables": {name: raw.value for name, raw in self._raw_of(host).items() if name not in own},
        }
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=repr).encode()).hexdigest()
        return Kind(os, host.groups, image, own, key)

    def _raw_of(self, host: Host) -> Mapping[str, Raw]:
        if host.name not in self._raw:
            self._raw[host.name] = self._compiler.scope(host, {}).raw
        return self._raw[host.name]

    def _own_of(self, host: Host) -> frozenset[str]:
        if host.groups not in self._own:
            declared = {
                name: variable for role in self._compiler.roles_of(host) for name, variable in role.variables.items()
            }
            alike = [one for one in self._environment.hosts.values() if one.groups == host.groups]
            self._own[host.groups] = own_names(declared, [self._raw_of(one) for one in alike])
        return self._own[host.groups]

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            self._digests[path] = tree_digest(self._project.root / path)
        return self._digests[path]


def own_names(declared: Mapping[str, Variable], scopes: list[Mapping[str, Raw]]) -> frozenset[str]:
    """The variables that hosts of a kind may have each for themselves, or that every environment sets on its own.

    Args:
        declared: What their roles declare.
        scopes: The variables of each of an environment's hosts of the kind.
    """
    names = {name for name, variable in declared.items() if variable.per_environment or variable.secret}
    for raw in scopes:
        names |= {name for name, one in raw.items() if Path(one.file).parent.name == "host_vars"}
    return frozenset(names)


def tree_digest(folder: Path) -> str:
    """SHA-256 of a folder's files, their names and whether they're executable; links count as what they lead to."""
    whole = hashlib.sha256()
    for name, path in _files(folder, "", ()):
        content = path.read_bytes()
        line: tuple[Any, ...] = (name, bool(path.stat().st_mode & 0o100), len(content))
        whole.update(repr(line).encode("utf-8", "surrogateescape") + content)
    return whole.hexdigest()


def _files(folder: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    """Files below a folder, sorted, through links, but never round in a circle."""
    real = folder.resolve()
    if not folder.is_dir() or real in above:
        return
    for child in sorted(folder.iterdir()):
        if child.is_dir():
            yield from _files(child, f"{prefix}{child.name}/", (*above, real))
        elif child.is_file():
            yield prefix + child.name, child
