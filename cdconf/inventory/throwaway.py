"""Reads what a throw-away environment is: a copy that lies in .cdconf/throwaway/ENV, and ends at a time of its own.

Its directory has what inventories/ENV has, and `lifetime.yml` besides:

    created: 2027-03-31T08:00:00Z
    expires: 2027-03-31T12:00:00Z

What is the same for all throw-away copies of an environment stands in that environment's own directory, in
`throwaway.yml`: a file of variables, whose texts may well say `{{ environment.name }}`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cdconf.errors import InvalidFile, UsageError
from cdconf.inventory.folders import FILED, HOSTS_FILE, THROWN_AWAY, is_throwaway
from cdconf.inventory.model import Throwaway
from cdconf.inventory.values import seconds_of
from cdconf.yamlfile import YamlMap, check_keys, expect, load

if TYPE_CHECKING:
    from cdconf.inventory.model import Project

LIFETIME = "lifetime.yml"
SHARED_BY_COPIES = "throwaway.yml"
DEFAULT_TTL = "24h"
LONGEST = timedelta(days=30)


def read_lifetime(project: Project, name: str) -> Throwaway | None:
    """When a throw-away environment was made and when it ends; None for an environment with a file.

    Raises:
        InvalidFile: It has a file, too, so that nobody can say whose hosts these are; or its lifetime can't be read.
    """
    if not is_throwaway(project.root, name):
        return None
    folder = f"{THROWN_AWAY}/{name}"
    if name in project.filed():
        raise InvalidFile(
            f"there is a throw-away environment '{name}', and {FILED}/{name}/{HOSTS_FILE} as well",
            file=f"{folder}/{HOSTS_FILE}",
            hint=f"`cdconf destroy {name} --yes` removes the throw-away one",
        )
    top = load(project.root / folder / LIFETIME, project.root)
    check_keys(top, ("created", "expires"), LIFETIME)
    return Throwaway(_time(top, "created"), _time(top, "expires"))


def _time(top: YamlMap, key: str) -> datetime:
    text = expect(top, key, str, LIFETIME)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise top.error(f"'{key}' must be a time with its zone, not '{text}'", key, "such as 2027-03-31T08:00:00Z")
    return found.astimezone(UTC)


def lifetime_of(text: str) -> timedelta:
    """What `--ttl` asks for.

    Raises:
        UsageError: It isn't a duration, or none that a throw-away environment may have.
    """
    seconds = seconds_of(text)
    if seconds is None or seconds <= 0:
        raise UsageError(f"--ttl '{text}' isn't how long an environment can live", hint="such as 30m, 4h or 2d")
    if seconds > LONGEST.total_seconds():
        raise UsageError(
            f"--ttl {text} is more than the {LONGEST.days} days that a throw-away environment may live",
            hint=f"extend it later with --ttl; or make {FILED}/ENV/{HOSTS_FILE} for an environment that stays",
        )
    return timedelta(seconds=seconds)


def as_text(time: datetime) -> str:
    """A time as files have it: ISO 8601, in UTC, whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
