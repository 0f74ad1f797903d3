"""Compiles hosts that aren't asked for anything: what depends on facts that were never seen is set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from cdconf.catalog import Catalog, Compiler, Handler, Resource
from cdconf.errors import CdconfError
from cdconf.facts import HostFacts

if TYPE_CHECKING:
    from cdconf.catalog.scope import Scope
    from cdconf.inventory import Host
    from cdconf.roles import Declared, Role


class UnseenFacts(CdconfError):
    """A template reads facts that were never seen of its host; `groups` are theirs."""

    kind = "unseen_facts"

    def __init__(self, groups: Sequence[str]) -> None:
        super().__init__(f"reads facts that were never seen: {', '.join(groups)}")
        self.groups = tuple(groups)


@dataclass(frozen=True)
class Unknown:
    """A declared resource (or handler) that can't be compiled.

    Attributes:
        type: Its type; `handler` for a handler.
        titles: What it's called, one or many of it; None when the facts decide that, too.
        shown: Its title as it's written.
        source: Where it's declared.
        role: Its role.
        message: Why.
        notify: The handlers that it may notify.
    """

    type: str
    titles: tuple[str, ...] | None
    shown: str
    source: str
    role: str
    message: str
    notify: tuple[str, ...] = ()

    def covers(self, resource: Resource) -> bool:
        """Whether a resource may be one of those that this stands for."""
        if resource.type != self.type:
            return False
        title = resource.fields.get(resource.identity[0], resource.title)
        return resource.role == self.role if self.titles is None else title in self.titles


@dataclass(frozen=True)
class Compiled:
    """A host at a revision: its catalog, and what's missing from it."""

    catalog: Catalog
    unknown: list[Unknown] = field(default_factory=list)


class OfflineCompiler(Compiler):
    """See `Compiler`; it compiles one host at a time."""

    _unknown: list[Unknown]

    def offline(self, host: Host, seen: Mapping[str, Any]) -> Compiled:
        """The host as it would be.

        Args:
            host: The host.
            seen: Facts that were seen of it, whole groups of them.

        Raises:
            InvalidFile: See `compile`.
        """
        compiled: Compiled = self.rendering(_offline, host, seen)
        return compiled

    def _resources(self, scope: Scope, role: Role, declared: Declared) -> Iterator[Resource]:
        try:
            made = list(super()._resources(scope, role, declared))
        except UnseenFacts as error:
            shown = declared.title if isinstance(declared.title, str) else ", ".join(map(str, declared.title))
            titles = _titles(scope, declared)
            unknown = Unknown(declared.type, titles, shown, declared.source, role.name, error.message, declared.notify)
            self._unknown.append(unknown)
            return
        yield from made

    def _handler(self, scope: Scope, host: Host, name: str, asked: Resource) -> Handler | None:
        try:
            return super()._handler(scope, host, name, asked)
        except UnseenFacts as error:
            self._unknown.append(Unknown("handler", (name,), name, asked.source, asked.role, error.message))
            return Handler(name, "", asked, None)


def _offline(compiler: OfflineCompiler, seen: Mapping[str, Any], host: Host) -> Compiled:
    compiler._unknown = []
    facts = HostFacts(seen, _unseen)
    return Compiled(compiler.compile(host, facts.mapping), compiler._unknown)


def _unseen(groups: Sequence[str]) -> NoReturn:
    raise UnseenFacts(groups)


def _titles(scope: Scope, declared: Declared) -> tuple[str, ...] | None:
    if declared.for_each is not None:
        return None
    try:
        titles = scope.render(declared.title, declared.file, declared.line)
    except UnseenFacts:
        return None
    return tuple(map(str, titles)) if isinstance(titles, list) else (str(titles),)
