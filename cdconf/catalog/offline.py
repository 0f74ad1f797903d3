"""Compiles hosts without asking them, to find what their files would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdconf.catalog.copy_isolation import ForeignAddress
from cdconf.errors import CdconfError
from cdconf.facts import FactCache, HostFacts, sample

if TYPE_CHECKING:
    from cdconf.catalog.compiler import Compiler
    from cdconf.inventory import Host


def check_copy(compiler: Compiler, hosts: Sequence[Host]) -> list[CdconfError]:
    """Before a deployment to a copy: none of the hosts' catalogs may hold an address of the original.

    Facts are those that were last seen, or a sample.

    Args:
        compiler: The environment's compiler.
        hosts: The hosts that the deployment will touch.

    Returns:
        Why catalogs couldn't be compiled, which a deployment doesn't need; nobody has looked at these.

    Raises:
        ForeignAddress: One does.
    """
    errors: dict[str, CdconfError] = {}
    if compiler.environment.copy_of is None:
        return []
    cache = FactCache(compiler.project.data, compiler.environment.name)
    for host in hosts:
        facts = HostFacts(cache.load(host.name).facts, lambda groups: sample())
        try:
            compiler.compile(host, facts.mapping)
        except ForeignAddress:
            raise
        except CdconfError as error:
            errors.setdefault(str(error), error)
    return list(errors.values())
