"""The places where a host's variables come from, in the order in which later ones win."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import InvalidFile, UsageError, did_you_mean
from cdconf.inside import check_inside
from cdconf.inventory.environment import load_environment
from cdconf.inventory.model import Layer
from cdconf.inventory.throwaway import SHARED_BY_COPIES
from cdconf.yamlfile import YamlMap, is_there, load_if_any, loads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.inventory.model import Environment, Host, Project

RESERVED = ("facts", "host", "hosts", "environment", "each")
ENCRYPTED = ("age:", "-----BEGIN AGE")


class AsIs(str):
    """Text of a variable in which nothing is read as YAML, and nothing rendered."""

    __slots__ = ()


class VariableFiles:
    """The variables of an environment's hosts; each file is read once.

    Args:
        project: The project.
        environment: The environment; what it copies comes first, marked `copied`.
    """

    def __init__(self, project: Project, environment: Environment) -> None:
        self._project = project
        self._folder = project.folder(environment.name)
        self._files: dict[str, YamlMap] = {}
        _check_folders(project.root, self._folder)
        copied = load_environment(project, environment.copy_of) if environment.copy_of else None
        self._copied = VariableFiles(project, copied) if copied else None
        self._of_copies = _of_copies(project, copied) if environment.throwaway and copied else []

    def layers(self, host: Host, extra: Mapping[str, str] | None = None) -> list[Layer]:
        """The layers of one host, weakest first; role defaults and secrets aren't among them.

        Args:
            host: The host.
            extra: `-e name=value`; values are read as YAML.

        Raises:
            InvalidFile: A file breaks a rule.
            UsageError: An extra value isn't YAML.
        """
        copied = self._copied.layers(host) if self._copied else []
        layers = [Layer(layer.source, layer.values, copied=True) for layer in copied]
        layers += [Layer(values.file, values) for values in self._of_copies]
        names = [f"group_vars/{group}" for group in ("all", *host.groups)] + [f"host_vars/{host.name}"]
        layers += [Layer(values.file, values) for values in map(self._read, names) if values]
        if extra:
            layers.append(Layer("-e", extra_values(extra)))
        return layers

    def _read(self, name: str) -> YamlMap:
        if name not in self._files:
            self._files[name] = _variable_file(self._project.root, self._folder / f"{name}.yml")
        return self._files[name]


def _of_copies(project: Project, original: Environment) -> list[YamlMap]:
    """What the originals, the farthest first, give their throw-away copies; those without such a file are left out."""
    above = load_environment(project, original.copy_of) if original.copy_of else None
    values = _variable_file(project.root, project.folder(original.name) / SHARED_BY_COPIES)
    return [*(_of_copies(project, above) if above else []), *([values] if values else [])]


def _check_folders(root: Path, folder: Path) -> None:
    for kind in ("group_vars", "host_vars"):
        path = folder / kind
        if is_there(path) and not path.is_dir():
            raise InvalidFile("this must be a directory of .yml files", file=path.relative_to(root).as_posix(), line=1)
        check_inside(path, root, path.relative_to(root).as_posix())


def _variable_file(root: Path, path: Path) -> YamlMap:
    """One file of variables; empty when there is none."""
    values = load_if_any(path, root)
    if values is None:
        return YamlMap()
    for key, value in values.items():
        if key in RESERVED:
            raise values.error(f"'{key}' can't be a variable's name: cdconf sets this name itself", key)
        if not key.isidentifier():
            raise values.error(f"'{key}' can't be a variable's name", key, "use letters, digits and _")
        if isinstance(value, str) and value.startswith(ENCRYPTED):
            raise values.error(f"'{key}' is encrypted, which only secrets.yml may hold", key, "use `cdconf secret set`")
    return values


def check_variable_files(project: Project, environment: Environment) -> list[InvalidFile]:
    """Errors for files of variables that no group or host reads."""
    folder = project.folder(environment.name)
    errors = []
    try:
        _variable_file(project.root, folder / SHARED_BY_COPIES)
    except InvalidFile as error:
        errors.append(error)
    for kind, known in (("group_vars", ["all", *project.groups]), ("host_vars", list(environment.hosts))):
        for path in sorted(folder.glob(f"{kind}/*")):
            shown = path.relative_to(project.root).as_posix()
            if path.suffix != ".yml":
                hint = f"rename it to {path.stem}.yml" if path.suffix in (".yaml", "") else None
                errors.append(InvalidFile("variables are read from .yml files only", file=shown, line=1, hint=hint))
            elif path.stem not in known:
                what = "group" if kind == "group_vars" else "host"
                hint = did_you_mean(path.stem, known)
                errors.append(InvalidFile(f"there is no {what} '{path.stem}'", file=shown, line=1, hint=hint))
    return errors


def extra_values(extra: Mapping[str, str]) -> YamlMap:
    """The values of `-e name=value`, read as YAML but for those that are to be taken as they are.

    Raises:
        UsageError: One isn't YAML.
    """
    values = YamlMap(file="-e")
    for name, text in extra.items():
        try:
            value: Any = text if isinstance(text, AsIs) else loads(f"value: {text}", "-e")["value"]
        except InvalidFile as error:
            raise UsageError(f"-e {name}: {error.message}", hint=error.hint) from error
        if name in RESERVED:
            raise UsageError(f"-e {name}: cdconf sets this name itself, so it can't be a variable")
        values[name] = value
    return values
