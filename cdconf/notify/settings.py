"""The operator's notify.yml: who is told of what. It holds tokens, so it lies in the home, and nothing shows its URLs.

~/.config/cdconf/notify.yml, or the file that $CDCONF_NOTIFY names
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError, InvalidFile, did_you_mean
from cdconf.own_files import content_and_status, reason

if TYPE_CHECKING:
    from cdconf.notify.kinds import Notification
    from cdconf.yamlfile import YamlMap

VARIABLE = "CDCONF_NOTIFY"
LARGEST = 256 * 1024  # bytes
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_QUOTED = re.compile(r"[^\s'\"]*://[^\s'\"]*|(?<=')[^'\n]{24,}(?=')")


class NotifyError(CdconfError):
    """The operator's notify.yml can't be used."""

    kind = "notify"


@dataclass(frozen=True)
class Receiver:
    """A receiver.

    Attributes:
        name: As the operator calls it.
        url: Holds a token: it's never shown.
        events: The kinds of events that it wants; empty: all. So it is with the others.
    """

    name: str
    url: str = field(repr=False)
    events: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What kind of a receiver it is: `slack`, `mailto`."""
        return self.url.partition("://")[0].lower()

    def wants(self, notification: Notification, project: str) -> bool:
        """Whether it's to be told of an event. A filter by environment or app leaves events that are about none."""
        return (
            _has(self.events, notification.kind)
            and _has(self.projects, project)
            and (notification.environment is None or _has(self.environments, notification.environment))
            and (notification.app is None or _has(self.apps, notification.app))
        )


@dataclass(frozen=True)
class Ping:
    """What's asked for after each successful `drift` of an environment."""

    environment: str
    url: str = field(repr=False)
    project: str | None = None


@dataclass(frozen=True)
class Settings:
    """What the file says."""

    targets: Mapping[str, Receiver] = field(default_factory=dict)
    pings: tuple[Ping, ...] = ()

    def ping_of(self, project: str, environment: str) -> Ping | None:
        """The ping of an environment; one that names the project comes first."""
        found = [ping for ping in self.pings if ping.environment == environment and ping.project in (None, project)]
        return max(found, key=lambda ping: ping.project is not None, default=None)


def _has(wanted: tuple[str, ...], value: str) -> bool:
    return not wanted or value in wanted


def settings_file() -> Path:
    """Where the operator's file is, if there's one."""
    return Path(os.environ.get(VARIABLE) or "~/.config/cdconf/notify.yml").expanduser()


def read_settings(root: Path | None = None) -> Settings | None:
    """What the operator's file says; None where there's none.

    Args:
        root: The project's root, in which the file mustn't be; None: nobody looks.

    Raises:
        NotifyError: It can't be read, others can read or write it, it's inside the project, or it breaks a rule. No
            part of a URL is in the message.
    """
    path = settings_file()
    text = _text(path, root)
    if text is None:
        return None
    from cdconf.yamlfile import loads

    try:
        return _settings(loads(text, str(path)))
    except InvalidFile as error:
        error.retell(_without_urls)
        raise NotifyError(str(error), hint=error.hint) from None


def _without_urls(text: str) -> str:
    return _QUOTED.sub("***", text)


def _text(path: Path, root: Path | None) -> str | None:
    try:
        data, about = content_and_status(path, LARGEST)
        text = data.decode("utf-8")
    except FileNotFoundError:
        if os.environ.get(VARIABLE):
            raise NotifyError(f"${VARIABLE} names {path}, which isn't there") from None
        return None
    except (OSError, ValueError) as error:
        raise NotifyError(f"{path} can't be read: {reason(error)}") from None
    if root is not None and _is_inside(path, root):
        raise NotifyError(f"{path} is inside the project", hint="move it to ~/.config/cdconf/: it holds tokens")
    if about.st_uid not in (0, os.geteuid()) or about.st_mode & _OF_OTHERS:
        raise NotifyError(f"others can read or write {path}, which holds tokens", hint=f"chmod 600 {path}, and own it")
    return text


def _is_inside(path: Path, root: Path) -> bool:
    from cdconf.inside import top_of

    return Path(os.path.realpath(path)).is_relative_to(top_of(root)[0])


def _settings(top: YamlMap) -> Settings:
    from cdconf.notify.keys import NOTIFY, PING, WEB
    from cdconf.yamlfile import YamlMap, check_keys, expect

    check_keys(top, NOTIFY, "notify.yml")
    section: YamlMap = expect(top, "targets", dict, "notify.yml", YamlMap(file=top.file))
    targets = {name: _target(section, name) for name in section}
    pings = []
    for entry in expect(top, "pings", list, "notify.yml", []):
        if not isinstance(entry, YamlMap):
            raise top.error("each of 'pings' must be a map", "pings", "{environment: production, url: https://…}")
        check_keys(entry, PING, "a ping")
        environment, project = (
            expect(entry, "environment", str, "a ping"),
            expect(entry, "project", str, "a ping", None),
        )
        pings.append(Ping(environment, _url(entry, WEB, "a ping"), project))
    return Settings(targets, tuple(pings))


def _target(section: YamlMap, name: str) -> Receiver:
    from cdconf.inventory.key import NAME
    from cdconf.inventory.values import names
    from cdconf.notify.keys import TARGET, URL
    from cdconf.notify.kinds import KINDS
    from cdconf.yamlfile import check_keys, expect

    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise section.error("a target's name must consist of a-z, 0-9, - and _", name)
    entry: YamlMap = expect(section, name, dict, "targets")
    what = f"target '{name}'"
    check_keys(entry, TARGET, what)
    chosen = {key: names(entry, key, what, ()) for key in ("events", "projects", "environments", "apps")}
    for kind in chosen["events"]:
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS) or f"there are: {', '.join(KINDS)}"
            raise entry.error(f"{what} wants events that don't exist: '{kind}'", "events", hint)
    return Receiver(name, _url(entry, URL, what), **chosen)


def _url(entry: YamlMap, pattern: str, what: str) -> str:
    from cdconf.yamlfile import expect

    found: str = expect(entry, "url", str, what)
    if not re.fullmatch(pattern, found):
        raise entry.error(f"'url' of {what} isn't such a URL", "url", "see docs/guides/notifications.md")
    return found
