"""The inventory's words as data. All of it is read-only once loaded."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdconf.yamlfile import YamlMap


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


@dataclass(frozen=True)
class Host:
    """A host. `address` is how other hosts reach it; `publish` are ports that a provider publishes on 127.0.0.1.

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

    `status` are the HTTP statuses that count, none: any 2xx. `contains` must be in the answer's body. `systemd` are
    units that must be active and stay so.
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
    """The app's database migrations: command lines, run in the release as the app's user; `within` is in seconds."""

    expand: str | None = None
    contract: str | None = None
    within: float = 1800.0

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
    """An application and how it's deployed; see cdconf.yml's `apps`.

    `confirm_within` and `soak` are in seconds, `max_size` is in bytes.
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

    def runs(self, service: str) -> bool:
        """Whether a service, named in full or without `.service`, is one of the app's."""
        own = {name.removesuffix(".service") for name in self.services}
        return service.removesuffix(".service") in own


def environments_in(root: Path) -> tuple[str, ...]:
    """Names of all environments of the project at `root`, sorted."""
    return tuple(sorted(path.parent.name for path in root.glob("inventories/*/hosts.yml")))


@dataclass(frozen=True)
class Project:
    """cdconf.yml, read. `groups` maps each group to its roles, in the order in which they are provisioned.

    `type_packages` are installed distributions whose resource types the project uses. `store` is where artifacts lie:
    a directory or an `s3://` URL; None: in .cdconf/artifacts. `database` is the team's history, a `postgresql://` URL;
    None: in .cdconf/.
    """

    root: Path
    name: str
    groups: dict[str, tuple[str, ...]]
    apps: dict[str, App]
    lease_ttl: float
    type_packages: tuple[str, ...] = ()
    store: str | None = None
    database: str | None = None
    file: str = "cdconf.yml"

    def environments(self) -> tuple[str, ...]:
        """Names of all environments, sorted."""
        return environments_in(self.root)

    @property
    def data(self) -> Path:
        """`.cdconf/`, for this checkout alone; made when it isn't there."""
        path = self.root / ".cdconf"
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def checkout(self) -> str:
        """A random id of this checkout, 8 hex digits; a copy of the directory keeps it, a clone gets its own."""
        path = self.data / "checkout"
        if not path.is_file():
            path.write_text(secrets.token_hex(4) + "\n", encoding="utf-8")
        return path.read_text(encoding="utf-8").strip()


@dataclass(frozen=True)
class Differs:
    """One difference from the copied environment that is accepted; `what` is a key of `keys.DIFFERENCES`.

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
class Environment:
    """An environment. `hosts` are in the order of cdconf.yml's groups.

    `scale` says how many hosts of a group a copy has; `require` which environments must be like this one before
    anything is deployed here.
    """

    name: str
    provider: str
    copy_of: str | None
    hosts: dict[str, Host]
    differs: list[Differs]
    file: str
    vagrant: VagrantSettings = VagrantSettings()
    scale: YamlMap = field(default_factory=YamlMap)
    require: tuple[str, ...] = ()

    def in_group(self, group: str) -> list[Host]:
        """The group's hosts."""
        return [host for host in self.hosts.values() if group in host.groups]


@dataclass(frozen=True)
class Layer:
    """Variables from one place. `copied`: they come from the environment that this one is a copy of."""

    source: str
    values: YamlMap = field(default_factory=YamlMap)
    copied: bool = False
