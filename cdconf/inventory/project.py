"""Reads cdconf.yml."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from cdconf.errors import InvalidFile, UsageError, did_you_mean
from cdconf.inventory import keys, rolling
from cdconf.inventory.folders import environments_in
from cdconf.inventory.model import App, Migrate, Project
from cdconf.inventory.read_pipeline import read_pipeline
from cdconf.inventory.shared import read_shared
from cdconf.inventory.sizes import size
from cdconf.inventory.toggles import declared_toggles, toggles_file
from cdconf.inventory.values import duration, names
from cdconf.yamlfile import YamlMap, check_keys, expect, load, shown

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
    top = load(root / FILE, root)
    check_keys(top, keys.CDCONF, FILE)
    name = expect(top, "project", str, FILE)
    if not _NAME.match(name):
        raise top.error(f"'{name}' can't be a project's name", "project", "use a-z, 0-9 and -, at most 63")
    groups = _groups(top, root, needs_roles=needs_roles)
    lease = expect(top, "lease", dict, FILE, YamlMap(file=FILE))
    check_keys(lease, ["ttl"], "lease")
    apps = expect(top, "apps", dict, FILE, YamlMap(file=FILE))
    return Project(
        root=root,
        name=name,
        groups=groups,
        apps=_apps(apps, groups),
        lease_ttl=duration(lease, "ttl", "lease", 60.0),
        type_packages=names(top, "type_packages", FILE, ()),
        store=_store(top),
        database=_database(top),
        pipeline=read_pipeline(top, groups, apps, environments_in(root)),
    )


def _store(top: YamlMap) -> str | None:
    store: str | None = expect(top, "store", str, FILE, None)
    if store is not None and not re.fullmatch(keys.STORE, store):
        raise top.error("'store' must be a directory or s3://bucket/prefix", "store")
    return store


def _database(top: YamlMap) -> str | None:
    database: str | None = expect(top, "database", str, FILE, None)
    if database is None or (re.fullmatch(keys.DATABASE, database) and "password=" not in database):
        return database
    if re.match(r"postgres(ql)?://", database) and (":" in database.rpartition("@")[0][13:] or "password=" in database):
        text = "'database' holds a password, which would be in git"
        raise top.error(text, "database", "leave it out; put it into ~/.pgpass or PGPASSWORD")
    raise top.error("'database' must be postgresql://user@host/name", "database")


def _groups(top: YamlMap, root: Path, *, needs_roles: bool) -> dict[str, tuple[str, ...]]:
    section = expect(top, "groups", dict, FILE)
    known = sorted(path.parent.name for path in root.glob("roles/*/role.yml"))
    groups: dict[str, tuple[str, ...]] = {}
    for group in section:
        if not _NAME.match(group) or group == "all":
            raise section.error(f"'{group}' can't be a group's name", group)
        groups[group] = names(section, group, "groups")
        for role in groups[group]:
            if needs_roles and role not in known:
                raise section.error(
                    f"group '{group}' has the role '{role}', but there is no roles/{role}/role.yml",
                    group,
                    did_you_mean(role, known) or _role_hint(role),
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
    app = expect(apps, name, dict, "apps")
    check_keys(app, keys.APP, what)
    for group in names(app, "groups", what):
        if group not in groups:
            raise app.error(f"{what} names an unknown group '{group}'", "groups", did_you_mean(group, groups))
    path = expect(app, "path", str, what)
    if not path.startswith("/") or ".." in path.split("/") or path.rstrip("/").count("/") < 2:
        raise app.error(f"'path' in {what} must be an absolute directory of its own, such as /srv/{name}", "path")
    if not path.isprintable():
        raise app.error(f"'path' in {what} holds a character that can't be printed", "path")
    path = posixpath.normpath(path)
    keep = expect(app, "keep", int, what, 5)
    if keep < 1:
        raise app.error(f"'keep' in {what} must be 1 or more, not {keep}", "keep", "it's how many releases hosts keep")
    artifact = expect(app, "artifact", str, what, None)
    if artifact is not None and artifact.count("*") != 1:
        raise app.error(f"'artifact' in {what} must have one *, which is the version", "artifact")
    migrate = expect(app, "migrate", dict, what, YamlMap(file=FILE))
    file, line = apps.where(name)
    return App(
        name=name,
        groups=names(app, "groups", what),
        artifact=artifact,
        max_size=size(app, "max_size", what, str(keys.APP["max_size"].default)),
        build=expect(app, "build", str, what, None),
        path=path,
        user=expect(app, "user", str, what, None),
        services=names(app, "services", what, ()),
        env_file=_env_file(app, what),
        health=rolling.health(app, what),
        migrate=_migrate(migrate, f"migrate of {what}"),
        batches=rolling.batches(app, what),
        max_unavailable=rolling.max_unavailable(app, what),
        drain=rolling.drain(app, what, groups),
        confirm_within=_confirm_within(app, what),
        soak=duration(app, "soak", what, 0.0),
        keep=keep,
        file=file,
        line=line,
        shared=read_shared(app, what),
        toggles=declared_toggles(app, what),
        toggles_file=toggles_file(app, what, path),
        toggles_reload=expect(app, "toggles_reload", bool, what, False),
        build_within=duration(app, "build_within", what, 3600.0),
    )


def _migrate(section: YamlMap, what: str) -> Migrate:
    check_keys(section, keys.MIGRATE, what)
    expand, contract = (expect(section, phase, str, what, None) for phase in ("expand", "contract"))
    return Migrate(expand, contract, duration(section, "within", what, 1800.0))


def _confirm_within(app: YamlMap, what: str) -> float:
    seconds = duration(app, "confirm_within", what, 120.0)
    if 0 < seconds < SHORTEST:
        text = f"'confirm_within' in {what} must be at least {SHORTEST:g}s: beats need time to arrive"
        raise app.error(text, "confirm_within", "0 deploys without the dead man's switch")
    return seconds


def invalid_name(name: str) -> bool:
    """Whether a name isn't an RFC 1123 label (a-z, 0-9, -)."""
    return not _NAME.match(name) or "_" in name


__all__ = ["InvalidFile", "duration", "find_root", "invalid_name", "load_project", "names"]


def _role_hint(role: str) -> str:
    names = role.replace(",", " ").split()
    return f"roles are a list: [{', '.join(names)}]" if len(names) > 1 else f"make roles/{role}/role.yml"


def _env_file(app: YamlMap, what: str) -> str | None:
    path: str | None = expect(app, "env_file", str, what, None)
    if path is not None and not path.startswith("/"):
        message = f"'env_file' in {what} must be an absolute path, not {shown(path)}"
        raise app.error(message, "env_file", "it's a file on hosts, such as /etc/shop/env; a role's `file` writes it")
    return path
