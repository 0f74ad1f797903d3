"""What a shell may complete besides verbs and options: answered from the files, quickly, never with an error."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cdconf.yamlfile import YamlMap

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def _completer(function: Callable[[Path, click.Context, str], Iterable[str]]) -> Completer:
    """Gives a completer its project; a broken project has nothing to offer."""

    @functools.wraps(function)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        from cdconf.errors import CdconfError

        start = Path(ctx.params.get("directory") or ".").resolve()
        root = next((path for path in (start, *start.parents) if (path / "cdconf.yml").is_file()), None)
        if root is None:
            return []
        try:
            return sorted({word for word in function(root, ctx, incomplete) if word.startswith(incomplete)})
        except (CdconfError, OSError, ValueError, KeyError, TypeError, AttributeError):
            return []

    return complete


def _cdconf_yml(root: Path) -> YamlMap:
    from cdconf.yamlfile import load

    return load(root / "cdconf.yml", root)


def _hosts(root: Path, environment: str, seen: tuple[str, ...] = ()) -> set[str]:
    """An environment's hosts, those of the environment that it copies with them."""
    from cdconf.inventory.folders import folder_in
    from cdconf.yamlfile import load

    top = load(root / folder_in(root, environment) / "hosts.yml", root)
    copied = top.get("copy_of")
    more = _hosts(root, copied, (*seen, environment)) if copied and copied not in (*seen, environment) else set()
    return more | set(top.get("hosts") or {})


@_completer
def environment_names(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Names of environments."""
    from cdconf.inventory.folders import environments_in, throwaways_in

    return [*environments_in(root), *throwaways_in(root)]


@_completer
def original_names(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Names of environments that can be copied: those with a file."""
    from cdconf.inventory.folders import environments_in

    return environments_in(root)


@_completer
def app_names(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Names of apps."""
    return _cdconf_yml(root).get("apps") or {}


@_completer
def toggle_names(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Toggles of the app that the command line names."""
    return (_cdconf_yml(root).get("apps") or {})[ctx.params["app"]].get("toggles") or {}


@_completer
def role_names(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Names of roles."""
    return [path.parent.name for path in root.glob("roles/*/role.yml")]


@_completer
def host_names(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Hosts of the environment that the command line names."""
    return _hosts(root, ctx.params["environment"])


@_completer
def patterns(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Hosts and groups behind what a `--limit` has already: `web,!w`."""
    before, comma, last = incomplete.rpartition(",")
    lead = before + comma + ("!" if last.startswith("!") else "")
    words = {*(_cdconf_yml(root).get("groups") or {}), "all"}
    # While an option lacks its value, click leaves the arguments unread.
    environment = ctx.params.get("environment") or next(iter(ctx.args), None)
    if environment:
        words |= _hosts(root, environment)
    return [lead + word for word in words]


@_completer
def stored_versions(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Versions that the store has of the app that the command line names, or of all."""
    app = ctx.params.get("app") or next(iter(ctx.args[1:]), None)
    return [one["version"] for one in _stored(root) if app in (None, one["app"])]


@_completer
def unit_names(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Services of the apps."""
    apps = (_cdconf_yml(root).get("apps") or {}).values()
    members = [member for app in apps for member in _members(app.get("services"))]
    names = [str(member.get("service", "")) if isinstance(member, dict) else str(member) for member in members]
    return [name if "." in name else f"{name}.service" for name in names if name]


def _members(value: object) -> list[object]:
    """The members of a list, for which one alone may stand."""
    return value if isinstance(value, list) else [] if value is None else [value]


def switch_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """What a toggle can be."""
    return [word for word in ("off", "on") if word.startswith(incomplete)]


def _stored(root: Path) -> list[dict[str, Any]]:
    import json

    return [json.loads(path.read_bytes()) for path in root.glob(".cdconf/artifacts/*.json")]


@_completer
def artifacts(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Apps, and the versions that the store has: `shop`, `shop@1.4`."""
    apps = list(_cdconf_yml(root).get("apps") or {})
    return [*apps, *(f"{one['app']}@{one['version']}" for one in _stored(root))]


@_completer
def notify_targets(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Names of the operator's receivers of notifications."""
    from cdconf.notify.settings import read_settings

    settings = read_settings(root)
    return settings.targets if settings is not None else ()
