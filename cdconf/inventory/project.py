"""Reads cdconf.yml."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from cdconf.errors import InvalidFile, UsageError, did_you_mean
from cdconf.inventory import app_keys, keys, rollout_keys
from cdconf.inventory.folders import environments_in
from cdconf.inventory.hooks import read_hooks
from cdconf.inventory.maintenance import read_maintenance
from cdconf.inventory.model import App, Migrate, Project
from cdconf.inventory.nested_groups import inner_groups, roles_of
from cdconf.inventory.prepare import read_prepare
from cdconf.inventory.read_pipeline import read_pipeline
from cdconf.inventory.section import Section, fits
from cdconf.inventory.services import read_services
from cdconf.inventory.shared import read_shared
from cdconf.inventory.toggles import declared_toggles, toggles_file
from cdconf.inventory.values import duration, names
from cdconf.yamlfile import YamlMap, expect, load, shown

FILE = "cdconf.yml"
SHORTEST = 5.0  # seconds: beats come at a quarter of it
_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?\Z")


def load_project(start: Path, *, needs_roles: bool = True) -> Project:
    """Finds cdconf.yml in `start` or above it, and reads it.

    Args:
        start: The directory.
        needs_roles: Whether the groups' roles must be there.

    Raises:
        UsageError: There is none.
        InvalidFile: It breaks a rule.
    """
    return _read(find_root(start), needs_roles=needs_roles)


def find_root(start: Path) -> Path:
    """The directory of cdconf.yml, `start` or one above it; the file isn't read.

    Raises:
        UsageError: There is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise UsageError(
        f"there is no {FILE} in {start} or above it", hint="go to your project's directory, or use --project DIR"
    )


def _read(root: Path, *, needs_roles: bool) -> Project:
    mapping = load(root / FILE, root)
    for key in mapping:
        if key in app_keys.APP and key not in keys.CDCONF:
            hint = f"'{key}' is a key of an app: indent it below `apps: NAME:`"
            raise mapping.error(f"unknown key '{key}' in {FILE}", key, hint)
    top = Section(mapping, keys.CDCONF, FILE)
    name = top["project"]
    groups = _groups(top["groups"], root, needs_roles=needs_roles)
    lease = top.section("lease", "lease")
    return Project(
        root=root,
        name=name,
        groups=groups,
        inner=inner_groups(top["groups"]),
        apps=_apps(top["apps"], groups),
        lease_ttl=lease["ttl"],
        **top.only("type_packages", "store"),
        database=_database(top),
        smoke_packages=top.section("smoke", "smoke")["packages"],
        pipeline=read_pipeline(top, groups, top["apps"], environments_in(root)),
    )


def _database(top: Section) -> str | None:
    given = top.mapping.get("database")
    if isinstance(given, str) and re.match(r"postgres(ql)?://", given):
        is_open = not fits(keys.CDCONF["database"], given) and ":" in given.rpartition("@")[0][13:]
        if is_open or "password=" in given:
            text = "'database' holds a password, which would be in git"
            raise top.error(text, "database", "leave it out; put it into ~/.pgpass or PGPASSWORD")
    database: str | None = top["database"]
    return database


def _groups(section: YamlMap, root: Path, *, needs_roles: bool) -> dict[str, tuple[str, ...]]:
    known = sorted(path.parent.name for path in root.glob("roles/*/role.yml"))
    groups: dict[str, tuple[str, ...]] = {}
    for group in section:
        if not _NAME.match(group) or group == "all":
            text = "every environment has a group of this name" if group == "all" else "use a-z, 0-9, - and _"
            raise section.error(f"'{group}' can't be a group's name", group, text)
        groups[group] = roles_of(section, group)
        for role in groups[group]:
            if needs_roles and role not in known:
                raise section.error(
                    f"group '{group}' has the role '{role}', but there is no roles/{role}/role.yml",
                    group,
                    did_you_mean(role, known) or _role_hint(role, root),
                )
    return groups


def _apps(section: YamlMap, groups: dict[str, tuple[str, ...]]) -> dict[str, App]:
    apps: dict[str, App] = {}
    for name in section:
        app = _app(name, section, groups)
        for other in apps.values():
            if f"{app.path}/".startswith(f"{other.path}/") or f"{other.path}/".startswith(f"{app.path}/"):
                message = f"app '{name}' lies at {app.path}, and app '{other.name}' at {other.path}"
                raise section[name].error(message, "path", "give each app a directory of its own")
            if app.toggles and other.toggles and app.toggles_file == other.toggles_file:
                message = f"apps '{name}' and '{other.name}' have the same toggles_file"
                raise section[name].error(message, "toggles_file")
        apps[name] = app
    return apps


def _app(name: str, apps: YamlMap, groups: dict[str, tuple[str, ...]]) -> App:
    what = f"app '{name}'"
    if not _NAME.match(name):
        raise apps.error(f"{shown(name)} can't be an app's name", name, "use a-z, 0-9, - and _, at most 63")
    app = Section(expect(apps, name, dict, "apps"), app_keys.APP, what)
    for group in app["groups"]:
        if group not in groups:
            raise app.error(f"{what} names an unknown group '{group}'", "groups", did_you_mean(group, groups))
    path = expect(app.mapping, "path", str, what)
    if not path.startswith("/") or ".." in path.split("/") or path.rstrip("/").count("/") < 2:
        raise app.error(f"'path' in {what} must be an absolute directory of its own, such as /srv/{name}", "path")
    if not path.isprintable():
        raise app.error(f"'path' in {what} holds a character that can't be printed", "path")
    path = posixpath.normpath(path)
    if app["keep"] < 1:
        text = f"'keep' in {what} must be 1 or more, not {app['keep']}"
        raise app.error(text, "keep", "it's how many releases hosts keep")
    migrate = app.section("migrate")
    services, shared = read_services(app.mapping, what), read_shared(app.mapping, what)
    file, line = apps.where(name)
    return App(
        name=name,
        path=path,
        **app.only("groups", "artifact", "max_size", "build", "build_within", "user", "env_file"),
        services=services.names,
        activation=services.activation,
        stops=services.stops,
        hooks=read_hooks(app.mapping, what),
        maintenance=read_maintenance(app.mapping, what, groups),
        health=rollout_keys.health(app),
        migrate=Migrate(**migrate.only("expand", "contract", "within"), each=migrate["on"] == "each"),
        batches=rollout_keys.batches(app),
        max_unavailable=rollout_keys.max_unavailable(app),
        drain=rollout_keys.drain(app, groups),
        confirm_within=_confirm_within(app),
        **app.only("soak", "keep", "toggles_reload"),
        shared=shared,
        prepare=read_prepare(app, shared),
        toggles=declared_toggles(app),
        toggles_file=toggles_file(app, path),
        file=file,
        line=line,
    )


def _confirm_within(app: Section) -> float:
    seconds: float = app["confirm_within"]
    if 0 < seconds < SHORTEST:
        text = f"'confirm_within' in {app.what} must be at least {SHORTEST:g}s: heartbeats need time to arrive"
        raise app.error(text, "confirm_within", "0 deploys without the dead man's switch")
    return seconds


def invalid_name(name: str) -> bool:
    """Whether a name isn't an RFC 1123 label (a-z, 0-9, -)."""
    return not _NAME.match(name) or "_" in name


__all__ = ["InvalidFile", "duration", "find_root", "invalid_name", "load_project", "names"]


def _role_hint(role: str, root: Path) -> str:
    names = role.replace(",", " ").split()
    if len(names) > 1:
        return f"roles are a list: [{', '.join(names)}]"
    there = next(
        (f"roles/{role}/{one}" for one in ("role.yaml", "main.yml") if (root / "roles" / role / one).is_file()), None
    )
    return f"rename {there} to role.yml" if there else f"make roles/{role}/role.yml"


def _env_file(app: YamlMap, what: str) -> str | None:
    path: str | None = expect(app, "env_file", str, what, None)
    if path is not None and not path.startswith("/"):
        message = f"'env_file' in {what} must be an absolute path, not {shown(path)}"
        raise app.error(message, "env_file", "it's a file on hosts, such as /etc/shop/env; a role's `file` writes it")
    return path
