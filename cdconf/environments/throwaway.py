"""Makes, prolongs and removes throw-away environments: their definitions, before and after there are any hosts.

A definition is a directory of its own, `.cdconf/throwaway/ENV/`, with what inventories/ENV would have. It gets its
name in one rename, before any host is made, and is the last thing to go: whatever is left half-way in between has a
definition, by which the next `provision` or `destroy` finds it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cdconf.atomic import write_private
from cdconf.environments.choice import provider_for
from cdconf.environments.hold import hold
from cdconf.errors import InvalidFile, UsageError, did_you_mean
from cdconf.inventory import load_environment
from cdconf.inventory.folders import FILED, HOSTS_FILE, THROWN_AWAY
from cdconf.inventory.project import invalid_name
from cdconf.inventory.throwaway import LIFETIME, as_text, read_lifetime
from cdconf.inventory.variables import AsIs
from cdconf.yamlfile import YamlMap, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cdconf.events import Emit
    from cdconf.inventory import Environment, Project

DEFAULT_PROVIDER = "docker"
_GIVEN = "group_vars/all.yml"
_NOTE = "# Made by `cdconf provision --copy-of {}`; `cdconf destroy {}` removes the environment with this file.\n"


@dataclass(frozen=True)
class ThrowAwayRequest:
    """The throw-away environment that a command line asks for.

    Attributes:
        name: What it's called.
        copy_of: The environment that it copies.
        ttl: How long it lives from now.
        provider: What makes its hosts; None: docker, or what it has already.
        scale: Group -> how many hosts; None: all of them, or as it is already.
        variables: Its own variables, for as long as it lives.
    """

    name: str
    copy_of: str
    ttl: timedelta
    provider: str | None = None
    scale: Mapping[str, int] | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


def define(project: Project, wish: ThrowAwayRequest, check: Callable[[Environment], None], emit: Emit) -> Environment:
    """Writes a throw-away environment down; one that's there already, and is the same, lives on for `ttl` from now.

    Args:
        project: The project.
        wish: What's asked for.
        check: Says whether such an environment could be provisioned; what it raises leaves nothing behind.
        emit: Hears when another run has to be waited for.

    Raises:
        UsageError: The name is invalid, or that of another environment; or there's no such original.
        InvalidFile: A file breaks a rule.
    """
    _check_names(project, wish)
    with hold(project, wish.name, "provision", emit):
        folder = project.root / THROWN_AWAY / wish.name
        if wish.name in project.throwaways():
            return _changed(project, wish, folder, check)
        _write(project, folder, wish)
        try:
            environment = load_environment(project, wish.name)
            _check_unused(project, environment)
            check(environment)
            return environment
        except BaseException as error:
            forget(project, wish.name)
            if isinstance(error, InvalidFile) and (error.file or "").startswith(f"{THROWN_AWAY}/{wish.name}/"):
                raise UsageError(error.message) from error  # it's in a file that nobody will find
            raise


def _changed(
    project: Project, wish: ThrowAwayRequest, folder: Path, check: Callable[[Environment], None]
) -> Environment:
    """What's there already, with the variables that are given now, and a new time to live."""
    _check_same(project, wish, folder)
    path = folder / _GIVEN
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    try:
        _give(project, folder, wish.variables)
        check(load_environment(project, wish.name))
    except BaseException:
        _put_back(path, before)
        raise
    return _prolonged(project, wish.name, wish.ttl)


def _check_names(project: Project, wish: ThrowAwayRequest) -> None:
    if invalid_name(wish.name):
        raise UsageError(f"'{wish.name}' can't be an environment's name", hint="use a-z, 0-9 and -, at most 63")
    if wish.name in project.filed():
        raise UsageError(
            f"there is an environment '{wish.name}' already, which has a file: {FILED}/{wish.name}/{HOSTS_FILE}",
            hint=f"give the copy another name, or run `cdconf provision {wish.name}`",
        )
    if wish.copy_of in project.throwaways():
        raise UsageError(
            f"'{wish.copy_of}' is a throw-away environment, which can't be copied", hint="copy what it's a copy of"
        )
    if wish.copy_of not in project.filed():
        known = project.filed()
        hint = did_you_mean(wish.copy_of, known) or (f"there are: {', '.join(known)}" if known else None)
        raise UsageError(f"there is no environment '{wish.copy_of}' to copy", hint=hint)
    for group in wish.scale or ():
        if group not in project.groups:
            raise UsageError(f"--scale names an unknown group '{group}'", hint=did_you_mean(group, project.groups))


def _check_unused(project: Project, environment: Environment) -> None:
    """Hosts that an environment of this name has left, on another branch say, aren't taken over to be thrown away."""
    left = (project.data / "environments" / environment.name).exists()
    if left or provider_for(project, environment).standing().made:
        raise UsageError(
            f"there are hosts or keys of another environment '{environment.name}', made from this checkout",
            hint="give the copy another name, or destroy that environment where its file is",
        )


def _check_same(project: Project, wish: ThrowAwayRequest, folder: Path) -> None:
    """A name stands for one environment: another one isn't made of it behind someone's back."""
    top = load(folder / HOSTS_FILE, project.root)
    asked = {"copy_of": wish.copy_of, "provider": wish.provider, "scale": wish.scale}
    for key, value in asked.items():
        is_now = top.get(key, {} if key == "scale" else None)
        if value is not None and value != is_now:
            raise UsageError(
                f"there is a throw-away environment '{wish.name}' already, and its {key} is {_shown(is_now)}, "
                f"not {_shown(value)}",
                hint=f"give the new one another name, or destroy this one first: `cdconf destroy {wish.name}`",
            )


def _shown(value: Any) -> str:
    return ", ".join(f"{key}={count}" for key, count in value.items()) or "none" if isinstance(value, dict) else value


def _write(project: Project, folder: Path, wish: ThrowAwayRequest) -> None:
    """The definition, whole under its name or not there."""
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)  # of a run that was killed here
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft.mkdir(mode=0o700)
    top: dict[str, Any] = {"copy_of": wish.copy_of, "provider": wish.provider or DEFAULT_PROVIDER}
    if wish.scale:
        top["scale"] = dict(wish.scale)
    write_private(draft / HOSTS_FILE, _NOTE.format(wish.copy_of, wish.name) + _as_yaml(top))
    now = datetime.now(UTC)
    _write_lifetime(draft, now, now + wish.ttl)
    _give(project, draft, wish.variables)
    draft.rename(folder)


def _write_lifetime(folder: Path, created: datetime, expires: datetime) -> None:
    write_private(folder / LIFETIME, f"created: {as_text(created)}\nexpires: {as_text(expires)}\n")


def _as_yaml(values: Mapping[str, Any]) -> str:
    """One line for each: JSON is YAML, and needs no thought about quotes."""
    return "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())


def _lasting(value: Any) -> Any:
    """A value as a file of variables must have it, where texts are rendered."""
    if isinstance(value, AsIs) and "{" in value:
        return "{{ " + json.dumps(value, ensure_ascii=False) + " }}"
    return value


def _give(project: Project, folder: Path, variables: Mapping[str, Any]) -> None:
    """Remembers variables beside those that were given before."""
    if not variables:
        return
    path = folder / _GIVEN
    before = load(path, project.root) if path.is_file() else YamlMap()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    variables = {name: _lasting(value) for name, value in variables.items()}
    write_private(path, "# Given with -e when the environment was made.\n" + _as_yaml({**before, **variables}))


def _put_back(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
    else:
        write_private(path, text)


def prolong(project: Project, name: str, ttl: timedelta, emit: Emit) -> Environment:
    """Lets a throw-away environment live for `ttl` from now.

    Raises:
        UsageError: There's none of this name.
    """
    if name in project.filed():
        raise UsageError(
            f"{name} has files, so it has no time to live", hint="--ttl is for what `provision --copy-of` has made"
        )
    load_environment(project, name)  # says what there is, where there's none
    with hold(project, name, "provision", emit):
        return _prolonged(project, name, ttl)


def _prolonged(project: Project, name: str, ttl: timedelta) -> Environment:
    about = read_lifetime(project, name)
    if about is None:
        raise UsageError(f"the throw-away environment '{name}' was destroyed meanwhile")
    _write_lifetime(project.root / THROWN_AWAY / name, about.created, datetime.now(UTC) + ttl)
    return load_environment(project, name)


def forget(project: Project, name: str) -> None:
    """Removes a definition: at once, so that half of one is never taken for one."""
    folder = project.root / THROWN_AWAY / name
    gone = folder.with_name(f".{name}")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone)
