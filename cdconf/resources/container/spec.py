"""The `container` type."""

from __future__ import annotations

import re
import shlex

from cdconf.agent.system.containers import CLIENT, CLIENT_PREFIXES
from cdconf.resources.spec import Context, Field, Fields, ResourceType

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9_.:/@-]*\Z")
_PORT = re.compile(r"((\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:]+\]):)?(\d+(-\d+)?:)?\d+(-\d+)?(/(tcp|udp|sctp))?\Z")
_VOLUME = re.compile(r"(/[^:]*|[A-Za-z0-9][A-Za-z0-9_.-]*):/[^:]*(:[A-Za-z,=0-9]+)?\Z")
_RESTART = re.compile(r"(no|always|unless-stopped|on-failure(:[1-9]\d*)?)\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_SIZE = re.compile(r"(\d+)([bkmg]?)\Z", re.IGNORECASE)
# A container is made by a program, whose arguments everybody can read.
_INSTEAD = "`env` takes secrets, or mount a `file` that holds it"
_OTHER_NAME = "the client itself heeds this variable, so that it's told by an argument: give the secret another name"
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
# Options that have a field of their own, or that would take the container out of the resource's hands.
_TAKEN = (
    "--name", "--env", "--env-file", "--label", "--publish", "--volume", "--network", "--net", "--restart", "--user",
    "--memory", "--cpus", "--pull", "--rm", "--detach", "--replace", "--pod", "--interactive", "--cidfile",
)  # fmt: skip
_EMPTY: Fields = {
    "command": [], "env": {}, "ports": [], "volumes": [], "network": "", "labels": {}, "user": "", "memory": 0,
    "cpus": 0, "options": [],
}  # fmt: skip


def _normalise(fields: Fields, context: Context) -> Fields:
    """A container is its whole definition: what isn't given is empty, so that it's seen when it has gone."""
    name = fields["name"]
    if not _NAME.match(name):
        raise context.error(f"'{name}' can't be a container's name", "letters, digits, dots, dashes, underscores")
    if fields["absent"]:
        return fields
    if "image" not in fields:
        raise context.error(f"container '{name}' has no 'image'")
    if not _IMAGE.match(fields["image"]):
        raise context.error(f"'{fields['image']}' can't be an image's name", "such as nginx:1.27")
    fields = {**_EMPTY, **fields}
    fields["command"] = _command(fields["command"], context)
    fields["memory"] = _size(fields["memory"], context)
    fields["env"] = {str(key): _text(key, value, context) for key, value in fields["env"].items()}
    fields["labels"] = {str(key): _text(key, value, context) for key, value in fields["labels"].items()}
    _check(fields, context)
    return fields


def _check(fields: Fields, context: Context) -> None:
    for port in fields["ports"]:
        if not _PORT.match(port) or any(int(number) > 65535 for number in re.findall(r"\d+", port)):
            raise context.error(f"'{port}' isn't a published port", 'such as "8080:80" or "127.0.0.1:8080:80/tcp"')
    for volume in fields["volumes"]:
        if not _VOLUME.match(volume):
            raise context.error(f"'{volume}' isn't a volume", "such as /srv/data:/data:ro or data:/data")
    if not _RESTART.match(fields["restart"]):
        raise context.error(f"'{fields['restart']}' isn't a restart policy", "no, always, unless-stopped, on-failure:3")
    _check_words(fields, context)


def _check_words(fields: Fields, context: Context) -> None:
    """Refuses what the runtime's command line would read as something else."""
    for variable in fields["env"]:
        if not _VARIABLE.match(variable):
            raise context.error(f"'{variable}' can't be a variable's name")
    for field in ("network", "user"):
        if fields[field].startswith("-") or " " in fields[field]:
            raise context.error(f"'{fields[field]}' can't be the {field} of a container")
    for option in fields["options"]:
        word = option.partition("=")[0]
        if not option.startswith("--") or " " in word:
            raise context.error(f"'{option}' isn't an option", "long ones with their value: --cap-drop=ALL")
        if word in _TAKEN:
            raise context.error(f"the option '{word}' can't be given here", "it has a field of its own, or breaks it")


def _command(value: object, context: Context) -> list[str]:
    """A text is split as a shell would, without running one."""
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as error:
            raise context.error(f"the command can't be read: {error}") from None
    if isinstance(value, list) and all(isinstance(word, (str, int, float)) for word in value):
        return [str(word) for word in value]
    raise context.error("'command' must be a text or a list of texts")


def _size(value: object, context: Context) -> int:
    match = _SIZE.match(str(value))
    if match is None:
        raise context.error(f"'{value}' isn't a size", "such as 512m or 2g")
    return int(match.group(1)) * _UNITS[match.group(2).lower()]


def _text(name: object, value: object, context: Context) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise context.error(f"the value of '{name}' must be a text")
    return value if isinstance(value, str) else str(value)


TYPE = ResourceType(
    name="container",
    purpose="Services and jobs",
    is_whole=True,
    doc=(
        "A container of Docker or podman. If anything in its definition differs, cdconf creates a new "
        "container, and only then stops the old one. So a wrong definition leaves the old container running. "
        "Name the image by its digest or by a tag that never moves, because a moved tag isn't noticed. "
        "Values of `env` don't appear in the process list; those of other fields do. podman starts "
        "containers at boot only with its podman-restart.service."
    ),
    title="name",
    fields={
        "name": Field("string", "The container's name."),
        "image": Field("string", "The image, with a tag or digest.", public=True, instead=_INSTEAD),
        "command": Field(
            "any",
            "The command it runs: a list of words, or one text that is split as a shell does.",
            public=True,
            instead=_INSTEAD,
        ),
        "env": Field(
            "map",
            "Environment variables.",
            public_keys=(*CLIENT, *(f"{one}*" for one in CLIENT_PREFIXES)),
            instead=_OTHER_NAME,
        ),
        "ports": Field("list", "Published ports: `8080:80`, `127.0.0.1:8080:80/tcp`.", public=True, instead=_INSTEAD),
        "volumes": Field("list", "Volumes: `/srv/data:/data:ro`, or `name:/data`.", public=True, instead=_INSTEAD),
        "network": Field("string", "The network, or host or none.", public=True, instead=_INSTEAD),
        "restart": Field(
            "string",
            "no, always, unless-stopped, or on-failure:N.",
            default="unless-stopped",
            public=True,
            instead=_INSTEAD,
        ),
        "labels": Field("map", "Labels.", public=True, instead=_INSTEAD),
        "user": Field(
            "string", "The user inside the container: a name or number, or `user:group`.", public=True, instead=_INSTEAD
        ),
        "memory": Field("any", "The memory limit: 512m, 2g.", public=True, instead=_INSTEAD),
        "cpus": Field("number", "The greatest number of processors.", public=True, instead=_INSTEAD),
        "options": Field(
            "list", "More options of `create`, each one text: --cap-drop=ALL.", public=True, instead=_INSTEAD
        ),
        "running": Field("boolean", "Whether it runs.", default=True),
        "pull": Field(
            "string",
            "When to fetch the image while creating the container: missing, always, never.",
            default="missing",
            choices=("missing", "always", "never"),
            compare=False,
        ),
        "runtime": Field(
            "string",
            "docker or podman. If not given: Docker if the host has it, else podman.",
            choices=("docker", "podman"),
            compare=False,
        ),
    },
    normalise=_normalise,
    example='container: cache\nimage: redis:7.4.1\nports: ["127.0.0.1:6379:6379"]\nvolumes: ["cache:/data"]\n',
)
