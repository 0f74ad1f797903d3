"""Exactly one JSON document on stdout."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any

from cdconf.events import Event, HostResult, RunResult
from cdconf.render.style import Style
from cdconf.secrets.mask import Mask

SCHEMA_VERSION = 1
INDENTED = 1_000_000  # characters: a longer document is one line, since nobody reads it and indenting takes seconds


def document(result: RunResult, *, verbose: bool = False) -> dict[str, Any]:
    """The document of a result; resources that are as they should be only when `verbose`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": result.command,
        "environment": result.environment,
        "ok": result.exit_code == 0,
        "exit_code": result.exit_code,
        "error": result.error,
        "hosts": {name: _host(host, verbose) for name, host in result.hosts.items()},
        "duration_s": round(result.duration_s, 3),
        **result.extra,
    }


def _host(host: HostResult, verbose: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        name: getattr(host, name)
        for name in ("status", "ok", "changed", "failed", "skipped", "unknown", "orphaned", "waived", "error")
    }
    shown = [resource for resource in host.resources if verbose or resource.status != "ok"]
    data["resources"] = [_without_host(dataclasses.asdict(resource_done)) for resource_done in shown]
    data["not_attempted"] = [dict(zip(("type", "title", "source"), one, strict=True)) for one in host.not_attempted]
    if host.smoke:
        data["smoke"] = [_without_host(dataclasses.asdict(smoke_done)) for smoke_done in host.smoke]
    return data


def _without_host(data: dict[str, Any]) -> dict[str, Any]:
    del data["host"]
    return data


def masked(value: Any, mask: Callable[[str], str]) -> Any:
    """The same data with the mask applied to every text in it."""
    if isinstance(mask, Mask) and mask.is_empty:
        return value
    return _masked(value, mask)


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(member, mask) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(member, mask) for member in value]
    return value


class JsonRenderer:
    """See `Renderer`."""

    def __init__(self, style: Style, mask: Callable[[str], str]) -> None:
        self._style = style
        self._mask = mask

    def __call__(self, event: Event) -> None:
        """Events are in the result already."""

    def finish(self, result: RunResult) -> None:
        data = masked(document(result, verbose=self._style.verbose), self._mask)
        text = json.dumps(data)
        if len(text) < INDENTED:
            text = json.dumps(data, indent=1)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing is held."""
