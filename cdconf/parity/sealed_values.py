"""Values that are compared without being shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdconf.agent import wire
from cdconf.agent.converge.whole_host import SEALED, seal
from cdconf.parity.model import Sealed


def plain(value: Any) -> Any:
    """The value as hosts have it: what JSON makes of it, so that tuples are lists and marks of secrets are gone."""
    return wire.loads(wire.dumps(value))


def sealed(key: str, value: Any) -> Sealed:
    """The value's seal under the run's key, the same that hosts make."""
    return Sealed(seal(key, value))


def unsealed(key: str, state: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A state as a host sent it, with `Sealed` in place of its seals.

    What's sealed for being long only, and is what the catalog asks for, is that again.

    Args:
        key: The run's key.
        state: From the host.
        fields: What the catalog asks for, sealed where it's secret.
    """
    result: dict[str, Any] = {}
    for name, value in state.items():
        if not isinstance(value, dict) or set(value) != {SEALED} or not isinstance(value[SEALED], str):
            result[name] = value
            continue
        found = Sealed(value[SEALED])
        asked = fields.get(name)
        result[name] = asked if asked is not None and found in (asked, _seal_of(key, asked)) else found
    return result


def _seal_of(key: str, asked: Any) -> Sealed | None:
    return None if isinstance(asked, Sealed) else sealed(key, asked)
