"""The inventory's words as data. All of it is read-only once loaded."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cdconf.atomic import make_private
from cdconf.errors import InvalidFile
from cdconf.inventory.folders import environments_in, folder_in, throwaways_in
from cdconf.inventory.hooks import Hooks
from cdconf.inventory.maintenance import Maintenance
from cdconf.inventory.packages import Packages
from cdconf.inventory.pipeline import Pipeline, Require
from cdconf.own_files import damaged, read_text
from cdconf.yamlfile import YamlMap

_CHECKOUT = re.compile("[0-9a-f]{8}")


@dataclass(frozen=True)
class Ssh:
    """How the controller reaches a host; None: ssh's own configuration decides.

    `jump` is `user@host:port`, or several with commas. `sudo_password` names a secret of the environment.
    `identity_file` and `known_hosts` are absolute, or begin with `~`; providers set them for hosts that they made.
    """

    address: str | None = None
    port: int | None = None
    user: str | None = None
    jump: str | None = None
    become: str | None = None
    sudo_password: str | None = None
    identity_file: str | None = None
    known_hosts: str | None = None
    ssh_rsa: bool = False


@dataclass(frozen=True)
class Size:
    """How large a host is made: memory in bytes, processors; None: whatever its machine has."""

    memory: int | None = None
    cpus: float | None = None

    def __str__(self) -> str:
        memory = f"{self.memory / (1 << 20):g} MiB" if self.memory is not None else "all memory"
        return f"{memory}, {f'{self.cpus:g}' if self.cpus is not None else 'all'} processors"


@dataclass(frozen=True)
class Host:
    """A host. `address` is how other hosts reach it; `publish` are ports that a provider publishes on 127.0.0.1.

    `fixed_ports` are those of them, each with the port of this machine, that the inventory chose itself.
    `image` is what it's made of, as it is; `base` the image to which what a host needs is added; both None: by its os.
    `bootstrap`: `provision` may install Python where there is none.
    """

    name: str
    groups: tuple[str, ...]
    address: str | None = None
    ssh: Ssh = Ssh()
    os: str | None = None
    transport: str = "ssh"
    container: str | None = None
    publish: tuple[int, ...] = ()
    fixed_ports: tuple[tuple[int, int], ...] = ()
    image: str | None = None
    base: str | None = None
    size: Size = Size()
    bootstrap: bool = False
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class VagrantSettings:
    """How Vagrant makes an environment's machines: by which provider of its own, and os -> box. None: Vagrant decides.

    `network` is theirs, `192.168.56.0/24`.
    """

    provider: str | None = None
    boxes: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None


@dataclass(frozen=True)
class Health:
    """How an app shows that it's well, asked from its own host: everything given must hold. `within` is in seconds.

    `status`: the HTTP statuses that count, none: any 2xx. `contains`: a part of the answer. `systemd`: units at work.
    """

    http: str | None = None
    status: tuple[int, ...] = ()
    contains: str | None = None
    tcp: str | None = None
    command: str | None = None
    systemd: tuple[str, ...] = ()
    within: float = 30.0

    def as_check(self) -> dict[str, Any]:
        """What the agent is asked to check."""
        return {
            "http": self.http,
            "status": list(self.status),
            "contains": self.contains,
            "tcp": self.tcp,
            "command": self.command,
            "systemd": list(self.systemd),
        }


@dataclass(frozen=True)
class Drain:
    """How the hosts of a group take another host out of use before it's changed, and put it back.

    `command` and `undrain` are command lines; `wait` is for requests in flight, `within` for each command, in seconds.
    """

    group: str
    command: str
    undrain: str
    wait: float
    within: float


@dataclass(frozen=True)
class Migrate:
    """The app's database migrations: command lines, run in the release as the app's user; `within` is in seconds.

    `each`: every host has a database of its own, and migrates it.
    """

    expand: str | None = None
    contract: str | None = None
    within: float = 1800.0
    each: bool = False

    def __bool__(self) -> bool:
        """Whether there's any."""
        return bool(self.expand or self.contract)


@dataclass(frozen=True)
class Shared:
    """Paths, relative to a release, that are links into the app's shared/."""

    directories: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, sorted."""
        return tuple(sorted((*self.directories, *self.files)))


@dataclass(frozen=True)
class Toggle:
    """A feature toggle, declared by its app. `default` is on or off; `expires` is a day such as 2027-03-31."""

    name: str
    default: bool
    doc: str
    owner: str | None = None
    expires: str | None = None
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class App:
    """An application and how it's deployed; see cdconf.yml's `apps`. Durations are in seconds, sizes in bytes.

    `activation`: how services get to a release that aren't restarted; `stops`: which stop before the expand migration.
    """

    name: str
    groups: tuple[str, ...]
    artifact: str | None
    max_size: int
    build: str | None
    path: str
    user: str | None
    services: tuple[str, ...]
    env_file: str | None
    health: Health | None
    migrate: Migrate
    batches: tuple[str, ...]
    max_unavailable: str | None
    drain: Drain | None
    keep: int
    confirm_within: float
    soak: float
    file: str
    line: int
    shared: Shared = Shared()
    toggles: Mapping[str, Toggle] = field(default_factory=dict)
    toggles_file: str = ""
    toggles_reload: bool = False
    build_within: float = 3600.0
    activation: Mapping[str, str] = field(default_factory=dict)
    stops: tuple[str, ...] = ()
    hooks: Hooks = field(default_factory=Hooks)
    maintenance: Maintenance | None = None
    prepare: tuple[Packages, ...] = ()

    @property
    def known(self) -> dict[str, Any]:
        """What an agent must know of it to look at it."""
        about: dict[str, Any] = {"name": self.name, "path": self.path, "services": list(self.services)}
        return about | ({"activation": dict(self.activation)} if self.activation else {})

    def runs_on(self, host: Host) -> bool:
        """Whether a host is in one of the app's groups."""
        return not set(self.groups).isdisjoint(host.groups)

    def runs(self, service: str) -> bool:
        """Whether a service, named in full or without `.service`, is one of the app's."""
        return service.removesuffix(".service") in {name.removesuffix(".service") for name in self.services}

    def document(self) -> dict[str, Any]:
        """What an agent needs to know of the app, but for its toggles."""
        return self.known | {
            "stops": list(self.stops),
            "packages": [one.document() for one in self.prepare],
            "confirm_within": self.confirm_within,
            "user": self.user,
            "keep": self.keep,
            "shared": {"directories": list(self.shared.directories), "files": list(self.shared.files)},
        }


@dataclass(frozen=True)
class Project:
    """cdconf.yml, read. `groups` maps each group to its roles, in the order in which they are provisioned.

    `inner`: groups of groups -> those in them. `type_packages`: distributions with types. `store`: a directory or an
    `s3://` URL, else .cdconf/artifacts. `database`: a `postgresql://` URL. `smoke_packages`: a file, see `smoke`.
    """

    root: Path
    name: str
    groups: dict[str, tuple[str, ...]]
    apps: dict[str, App]
    lease_ttl: float
    type_packages: tuple[str, ...] = ()
    store: str | None = None
    database: str | None = None
    pipeline: Pipeline = field(default_factory=Pipeline)
    file: str = "cdconf.yml"
    inner: dict[str, tuple[str, ...]] = field(default_factory=dict)
    smoke_packages: str | None = None

    def apps_on(self, host: Host) -> list[App]:
        """The apps that run on a host."""
        return [app for app in self.apps.values() if app.runs_on(host)]

    def environments(self) -> tuple[str, ...]:
        """Names of all environments that there are here, sorted."""
        return tuple(sorted({*self.filed(), *self.throwaways()}))

    def filed(self) -> tuple[str, ...]:
        """Names of those that have a file in inventories/, sorted."""
        return environments_in(self.root)

    def throwaways(self) -> tuple[str, ...]:
        """Names of this checkout's throw-away environments, sorted."""
        return throwaways_in(self.root)

    def folder(self, environment: str) -> Path:
        """The directory of an environment's files, whether or not it's there."""
        return self.root / self.shown_folder(environment)

    def shown_folder(self, environment: str) -> str:
        """The same, relative to the project's root: `inventories/staging`."""
        return folder_in(self.root, environment)

    @property
    def data_if_any(self) -> Path:
        """`.cdconf/`, whether or not it's there: for those who only read, also where nobody may write."""
        return self.root / ".cdconf"

    @property
    def home(self) -> Path:
        """The directory that people work in: that of `.cdconf/`, which a pipeline's checkout of a commit borrows."""
        data = self.data_if_any
        return data.resolve().parent if data.is_symlink() else self.root

    @property
    def data(self) -> Path:
        """`.cdconf/`, for this checkout alone; made when it isn't there, and never git's: it holds keys."""
        path = self.data_if_any
        if path.is_dir():
            return path
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            (path / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            why = "it's a file" if isinstance(error, FileExistsError) else error.strerror
            raise InvalidFile(f"can't be a directory of this checkout's data: {why}", file=".cdconf", line=1) from error
        return path

    @property
    def checkout(self) -> str:
        """A random id of this checkout, 8 hex digits; a copy of the directory keeps it, a clone gets its own."""
        path = self.data / "checkout"
        if not os.path.lexists(path):
            make_private(path, secrets.token_hex(4) + "\n")  # of two first runs at once, one names the checkout
        try:
            found = read_text(path).strip()
            if not _CHECKOUT.fullmatch(found):
                raise ValueError("it isn't 8 hex digits")
            return found
        except (OSError, ValueError) as error:
            hint = (
                "put it back: lines of .cdconf/history.jsonl have it, and names of containers that were made here "
                "end with it (`docker ps -a`); without it nobody knows which those are. If there are none, remove it"
            )
            raise damaged(path, error, "this checkout's id", hint) from error


@dataclass(frozen=True)
class Differs:
    """One difference from the copied environment that is accepted; `what` is a key of `differs_keys.DIFFERENCES`.

    `value` names it; `host`, `group` and `field` narrow it down. `file` and `line` are where it's declared.
    """

    what: str
    value: str
    why: str
    host: str | None = None
    group: str | None = None
    field: str | None = None
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        rest = "".join(f", {name}: {getattr(self, name)}" for name in ("field", "group", "host") if getattr(self, name))
        return f"{self.what}: {self.value}{rest}"


@dataclass(frozen=True)
class Throwaway:
    """Of an environment without a file: when it was made, and when it may be removed. Both in UTC."""

    created: datetime
    expires: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires <= now


@dataclass(frozen=True)
class Environment:
    """An environment. `hosts` are in the order of cdconf.yml's groups, `scale` is how many of a group a copy has.

    `require`: what must hold before anything is brought here. `throwaway`: it has no file, and ends by itself.
    """

    name: str
    provider: str
    copy_of: str | None
    hosts: dict[str, Host]
    differs: list[Differs]
    file: str
    vagrant: VagrantSettings = VagrantSettings()
    scale: YamlMap = field(default_factory=YamlMap)
    require: Require | None = None
    throwaway: Throwaway | None = None

    @property
    def variables_file(self) -> str:
        """The file in which people set a variable for it: a throw-away copy gets what its original says of copies."""
        filed = f"inventories/{self.name}/group_vars/all.yml"
        return f"inventories/{self.copy_of}/throwaway.yml" if self.throwaway else filed

    def in_group(self, group: str) -> list[Host]:
        """The group's hosts."""
        return [host for host in self.hosts.values() if group in host.groups]


@dataclass(frozen=True)
class Layer:
    """Variables from one place. `copied`: they come from the environment that this one is a copy of."""

    source: str
    values: YamlMap = field(default_factory=YamlMap)
    copied: bool = False
