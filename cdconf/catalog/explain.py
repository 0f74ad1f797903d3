"""Which value each variable of a host has, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from cdconf.errors import CdconfError
from cdconf.facts import HostFacts, shown_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cdconf.catalog.compiler import Compiler
    from cdconf.inventory import Host


def explain_host(compiler: Compiler, host: Host, facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Variable -> `{"value", "source", "shadowed", "doc"}`, without asking the host for its facts.

    A value has its own type: a text, a number, a list, a mapping. One that depends on facts that were never seen, or
    that is missing, says so in place of the value. Secrets are masked.

    Args:
        compiler: The environment's compiler.
        host: The host.
        facts: Facts that were last seen of it, whole groups of them; see `FactCache.load`.
    """
    explained: dict[str, dict[str, Any]] = compiler.rendering(_explained, host, facts)
    return explained


def _explained(compiler: Compiler, facts: Mapping[str, Any], host: Host) -> dict[str, dict[str, Any]]:
    known = HostFacts(facts, lambda groups: _unseen(compiler, host, groups))
    scope = compiler.scope(host, known.mapping)
    result: dict[str, dict[str, Any]] = {}
    for name in sorted({*scope.raw, *scope.declared}):
        raw = scope.raw.get(name)
        try:
            value = scope.lookup(name, None)
            shown = "***" if scope.is_secret(name) else value
        except CdconfError as error:
            shown = f"({error.message})"
        secret = compiler.variables.secret_source(name)
        declared = scope.declared.get(name)
        result[name] = {
            "value": shown,
            "source": raw.source if raw else secret or "(not set)",
            "shadowed": list(raw.shadowed) if raw else [],
            "doc": declared.doc if declared else "",
        }
    for one in result.values():  # not before all are read: one may have been set to the value of a secret
        one["value"] = _masked(one["value"], compiler.mask)
    return result


def _masked(value: object, mask: Callable[[str], str]) -> Any:
    """A value as data; as text where a secret would be in it."""
    text = json.dumps(value)
    if isinstance(value, str) or mask(text) != text:
        return mask(value if isinstance(value, str) else text)
    return json.loads(text)


def _unseen(compiler: Compiler, host: Host, groups: Sequence[str]) -> NoReturn:
    command = shown_by(compiler.environment.name, host.name, groups)
    raise CdconfError(f"depends on facts that were never seen: {', '.join(groups)}; `{command}` looks at them")
