"""Which sources of secrets an operator has for a project: ~/.config/cdconf/secrets/PROJECT.yml, or $CDCONF_SECRETS.

It lies outside of the project, so that no commit can say which command runs here, or which server is asked. A project
names its secrets, and nothing else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError, SecretError, did_you_mean
from cdconf.inside import top_of
from cdconf.own_files import content_and_status, reason
from cdconf.secrets.sources.source import Factory, SecretRequest, SecretSource
from cdconf.yamlfile import YamlMap, loads

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project

VARIABLE = "CDCONF_SECRETS"
ENTRY_POINTS = "cdconf.secret_sources"
WITHIN = 30.0
_KEYS = ("environments", "within")


@dataclass(frozen=True)
class Named:
    """A source of the operator's file.

    Attributes:
        kind: What it is, such as `pass`.
        source: The source.
        environments: For which it's asked; None: for all.
        within: After how many seconds it must have answered.
        place: `file:line`.
    """

    kind: str
    source: SecretSource
    environments: tuple[str, ...] | None
    within: float
    place: tuple[str, int]


def sources_file(project: Project) -> Path:
    """Where the operator's sources for a project are, if he has any."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path("~/.config/cdconf/secrets").expanduser() / f"{project.name}.yml"


def sources_of(project: Project, environment: Environment) -> list[Named]:
    """The sources that are asked for an environment, in their order.

    Raises:
        SecretError: The file is inside the project, others can write to it, or it can't be read.
        InvalidFile: It breaks a rule.
    """
    path = sources_file(project)
    text = _text(path, project)
    if text is None:
        return []
    top = loads(text, str(path))
    for name in top:
        if name != "sources":
            raise top.error(f"there is no key '{name}' here, only `sources`", name)
    entries = top.get("sources")
    if not isinstance(entries, list) or not all(isinstance(yaml_map, YamlMap) and yaml_map for yaml_map in entries):
        raise top.error("'sources' must be a list of maps", "sources")
    found = [_named(entry) for entry in entries]
    return [named for named in found if named.environments is None or environment.name in named.environments]


def unset_hint(project: Project, environment: Environment, name: str) -> str:
    """What to do about a secret that has no value."""
    path = sources_file(project)
    shown = f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
    try:
        mine = ", ".join(dict.fromkeys(named.kind for named in sources_of(project, environment)))
    except CdconfError:  # whoever asks them says so
        mine = ""
    there = f"in one of your sources ({mine}, see {shown})" if mine else f"name a source that has it in {shown}"
    return f"set it with `cdconf secret set {environment.name} {name}`, or {there}"


def ask(
    sources: Sequence[Named], wanted: Sequence[str], project: Project, environment: Environment
) -> Iterator[tuple[str, str, Named]]:
    """Name, value and source of each secret that's found; each source is asked once, for what's still missing.

    Args:
        sources: See `sources_of`.
        wanted: The names.
        project: The project.
        environment: The environment.

    Raises:
        SecretError: A source can't be asked.
    """
    left = list(dict.fromkeys(wanted))
    for source in sources:
        if not left:
            return
        try:
            found = source.source.read(SecretRequest(project.name, environment.name, left, source.within, project.root))
        except CdconfError as error:
            error.message = f"the source `{source.kind}` can't be asked for {', '.join(left)}: {error.message}"
            error.args = (error.message,)
            error.file, error.line = error.file or source.place[0], error.line or source.place[1]
            raise
        for name in left:
            if name in found:
                yield name, found[name], source
        left = [name for name in left if name not in found]


def _text(path: Path, project: Project) -> str | None:
    try:
        data, about = content_and_status(path)
        if Path(os.path.realpath(path)).is_relative_to(top_of(project.root)[0]):
            hint = "move it to ~/.config/cdconf/secrets/: a commit mustn't say what runs here"
            raise SecretError(f"{path} is inside the project", hint=hint)
        if about.st_uid not in (0, os.geteuid()) or stat.S_IMODE(about.st_mode) & 0o022:
            raise SecretError(f"others can write to {path}", hint=f"`chmod go-w {path}`, and own it")
        return data.decode("utf-8")
    except FileNotFoundError:
        if os.environ.get(VARIABLE):
            raise SecretError(f"${VARIABLE} names {path}, which isn't there") from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{path} can't be read: {reason(error)}") from None


def _named(entry: YamlMap) -> Named:
    found = [key for key in entry if key not in _KEYS]
    if len(found) != 1:
        raise entry.error(f"a source has one kind, one of {', '.join(kinds())}, and may have {', '.join(_KEYS)}")
    (kind,) = found
    factory = _factory(kind)
    if factory is None:
        raise entry.error(f"there is no source '{kind}'", kind, did_you_mean(kind, _own()))
    try:
        source = factory(entry[kind])
    except ValueError as error:
        raise entry.error(f"the source '{kind}' can't be used: {error}", kind) from None
    environments, within = entry.get("environments"), entry.get("within", WITHIN)
    if environments is not None and not _is_names(environments):
        raise entry.error("'environments' must be a list of names", "environments")
    if isinstance(within, bool) or not isinstance(within, (int, float)) or not 0 < within <= 600:
        raise entry.error("'within' must be seconds, 600 at most", "within")
    chosen = tuple(environments) if environments is not None else None
    return Named(kind, source, chosen, float(within), entry.where(kind))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def kinds() -> list[str]:
    """The kinds of sources that cdconf brings, sorted."""
    return sorted(_own())


def _own() -> Mapping[str, Factory]:
    from cdconf.secrets.sources.commands import OnePassword, OwnCommand, PasswordStore
    from cdconf.secrets.sources.keyring import Keyring
    from cdconf.secrets.sources.sops import SopsFile
    from cdconf.secrets.sources.variables import Credentials, EnvironmentVariables
    from cdconf.secrets.sources.vault import Vault

    return {
        "environment": EnvironmentVariables,
        "credentials": Credentials,
        "command": OwnCommand,
        "keyring": Keyring,
        "op": OnePassword,
        "pass": PasswordStore,
        "sops": SopsFile,
        "vault": Vault,
    }


def _factory(kind: str) -> Factory | None:
    if kind in _own():
        return _own()[kind]
    from importlib import metadata

    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.name == kind:
            loaded: Any = point.load()
            return loaded  # type: ignore[no-any-return]
    return None
