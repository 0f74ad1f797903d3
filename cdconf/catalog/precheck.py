"""Finds every error of an environment's files that can be found without its hosts, before any of them is made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.catalog.compiler import Compiler, NeedsFacts, no_facts
from cdconf.catalog.rendered import Carrier
from cdconf.errors import CdconfError
from cdconf.facts import HostFacts, os_facts
from cdconf.secrets.offline import OfflineSecrets

if TYPE_CHECKING:
    from cdconf.catalog.model import Catalog, Handler, Resource
    from cdconf.catalog.scope import Scope
    from cdconf.inventory import Host
    from cdconf.roles import Declared, Role


class Beforehand(Compiler):
    """Compiles hosts from what their files say, and from the facts that their `os` tells; makes no secret.

    An error doesn't keep it from the rest. Like `Compiler`, but one host at a time.

    Attributes:
        errors: What was found, each once, in the order in which it was found.
        open: What only a host's own facts decide, of the host that was compiled last.
    """

    def __init__(self, like: Compiler, extra: Mapping[str, str] | None = None) -> None:
        super().__init__(
            like.project,
            like.environment,
            extra=like.extra if extra is None else extra,
            roles=like.only,
            types=like.types,
            secrets=OfflineSecrets(like.project, like.environment),
            mask=like.mask,
        )
        self.errors: dict[str, CdconfError] = {}
        self.open: list[Declared] = []

    def look(self, host: Host) -> Catalog | None:
        """The host's catalog as far as it's known; None where its roles or variables can't be read at all."""
        self.open = []
        about = os_facts(host.os) if host.os is not None else None
        catalog: Catalog | None = None
        with self._noted():
            catalog, self.open, errors = self.rendering(_looked, host, {"os": about} if about else {})
            for error in errors:
                self._note(error)
        return catalog

    def look_at_roles(self) -> None:
        """Reads every role of the project's groups."""
        for name in dict.fromkeys(role for group in self.project.groups.values() for role in group):
            with self._noted():
                self.role(name)

    def _resources(self, scope: Scope, role: Role, declared: Declared) -> Iterator[Resource]:
        found: list[Resource] = []
        try:
            with self._noted():
                found = list(super()._resources(scope, role, declared))
        except NeedsFacts:
            self.open.append(declared)
        yield from found

    def _handler(self, scope: Scope, host: Host, name: str, asked: Resource) -> Handler | None:
        with contextlib.suppress(NeedsFacts), self._noted():
            return super()._handler(scope, host, name, asked)
        return None

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except NeedsFacts:
            raise
        except CdconfError as error:
            self._note(error)

    def _note(self, error: CdconfError) -> None:
        self.errors.setdefault(str(error), error)


def _looked(
    looking: Beforehand, facts: Mapping[str, Any], host: Host
) -> tuple[Catalog | None, list[Declared], list[Carrier]]:
    """`Beforehand.look`, where texts are rendered."""
    looking.open, looking.errors = [], {}
    catalog = None
    with contextlib.suppress(NeedsFacts), looking._noted():
        catalog = looking.compile(host, HostFacts(facts, no_facts).mapping)
    return catalog, looking.open, [Carrier(error) for error in looking.errors.values()]


def check_beforehand(compiler: Compiler, hosts: Sequence[Host], first: CdconfError | None = None) -> None:
    """Looks at some hosts' files.

    Args:
        compiler: The environment's.
        hosts: The hosts.
        first: An error that is known already.

    Raises:
        CdconfError: The first error; the others stand in its `detail`.
    """
    found: dict[str, Any] = {} if first is None else {str(first): first}
    looking = Beforehand(compiler)
    looking.look_at_roles()
    if not looking.errors:
        for host in hosts:
            looking.look(host)
    raise_all([*(found | {text: error for text, error in looking.errors.items() if text not in found}).values()])


def raise_all(errors: Sequence[CdconfError]) -> None:
    """Raises the first of some errors, with the others in its `detail`; nothing when there's none."""
    if not errors:
        return
    first, *others = errors
    also = [f"also: {error}" + (f"\n  hint: {error.hint}" if error.hint else "") for error in others]
    first.detail = "\n".join(filter(None, [first.detail, *also])) or None
    raise first
