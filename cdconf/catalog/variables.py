"""Where each variable of a host comes from: role defaults, files, secrets, the command line."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.catalog.scope import Raw, Scope
from cdconf.errors import InvalidFile
from cdconf.inventory import VariableFiles
from cdconf.secrets.operators import unset_hint

if TYPE_CHECKING:
    from cdconf.catalog.templating import Templating
    from cdconf.inventory import Environment, Host, Layer, Project
    from cdconf.roles import Role, Variable
    from cdconf.secrets import Mask, SecretStore


class MissingValue(InvalidFile):
    """A variable that's read has no value in an environment; `variable` is how its role declares it."""

    def __init__(self, message: str, *, variable: Variable, file: str, line: int, hint: str) -> None:
        super().__init__(message, file=file, line=line, hint=hint)
        self.variable = variable


class Variables:
    """Makes the scopes of one environment's hosts."""

    def __init__(
        self,
        project: Project,
        environment: Environment,
        templating: Templating,
        secrets: SecretStore,
        mask: Mask,
        extra: Mapping[str, str],
    ) -> None:
        self._project = project
        self._environment = environment
        self._templating = templating
        self._secrets = secrets
        self._mask = mask
        self._extra = extra
        self._files = VariableFiles(project, environment)
        self._lock = threading.Lock()
        self._hosts = _host_data(environment)

    def move(self, secrets: SecretStore, mask: Mask) -> None:
        """In the process that renders: secrets come from the run, and locks that its threads hold aren't used."""
        self._secrets, self._mask = secrets, mask
        self._lock = threading.Lock()

    def scope(self, host: Host, facts: Mapping[str, Any], roles: Sequence[Role]) -> Scope:
        """The scope of one host whose roles are given."""
        declared = _declared(roles)
        with self._lock:  # the files' cache
            layers = self._files.layers(host, self._extra)
        raw = self._raw(declared, layers)
        environment = self._environment
        builtins = {
            "facts": facts,
            "host": _one_host(host),
            "hosts": self._hosts,
            "environment": {
                "name": environment.name,
                "provider": environment.provider,
                "copy_of": environment.copy_of,
            },
        }

        def late(name: str) -> Any:
            with self._lock:
                return self._without_value(declared[name])

        return Scope(self._templating, raw, declared, builtins, late, self._mask)

    def _raw(self, declared: Mapping[str, Variable], layers: Sequence[Layer]) -> dict[str, Raw]:
        raw = {
            name: Raw(variable.default, variable.file, variable.line)
            for name, variable in declared.items()
            if not variable.required and not variable.per_environment
        }
        for layer in layers:
            for name, value in layer.values.items():
                variable = declared.get(name)
                if layer.copied and variable is not None and (variable.per_environment or variable.secret):
                    continue
                if variable is not None and variable.secret and layer.source != "-e":
                    raise layer.values.error(
                        f"'{name}' is a secret, so it can't be set in this file",
                        name,
                        f"use `cdconf secret set {self._environment.name} {name}`",
                    )
                file, line = layer.values.where(name)
                shadowed = (*raw[name].shadowed, raw[name].source) if name in raw else ()
                raw[name] = Raw(value, file, line if layer.source != "-e" else 0, shadowed)
        for name in self._secrets.names():
            if name in raw and raw[name].file != "-e":
                del raw[name]
        return raw

    def _without_value(self, variable: Variable) -> Any:
        """A declared variable that no file gives: a secret, or an error that says what to do."""
        value = self._secrets.get(variable.name)
        if value is not None:
            return value
        if variable.generate is not None:
            return self._secrets.generate(variable.name, variable.generate)
        name, environment = variable.name, self._environment
        if variable.secret:
            hint = unset_hint(self._project, environment, name)
        elif variable.per_environment and environment.copy_of:
            hint = f"{environment.copy_of}'s value isn't copied: set it in {environment.variables_file}"
        else:
            hint = f"set it in {environment.variables_file}"
        raise MissingValue(
            f"the variable '{name}' has no value in {environment.name}",
            variable=variable,
            file=variable.file,
            line=variable.line,
            hint=hint,
        )

    def secret_source(self, name: str) -> str | None:
        """Where a secret's value lies, None when there's none yet."""
        return self._secrets.source(name) if name in self._secrets.names() else None


def _declared(roles: Sequence[Role]) -> dict[str, Variable]:
    """What the roles declare; several may declare the same variable, if they agree on what it is."""
    declared: dict[str, Variable] = {}
    for role in roles:
        for name, variable in role.variables.items():
            other = declared.get(name, variable)
            for key in ("type", "secret", "generate", "per_environment"):
                if getattr(other, key) != getattr(variable, key):
                    place = f"{other.file}:{other.line}"
                    message = f"the variable '{name}' has another '{key}' than at {place}"
                    raise InvalidFile(message, file=variable.file, line=variable.line)
            if not (other.required or variable.required) and other.default != variable.default:
                message = f"the variable '{name}' has another default than at {other.file}:{other.line}"
                hint = "which of the two counts would depend on the order of roles"
                raise InvalidFile(message, file=variable.file, line=variable.line, hint=hint)
            declared[name] = variable
    return declared


def _one_host(host: Host) -> dict[str, Any]:
    return {"name": host.name, "address": host.address, "groups": list(host.groups), "os": host.os}


def _host_data(environment: Environment) -> dict[str, list[dict[str, Any]]]:
    """Group -> its hosts, and `all`."""
    data: dict[str, list[dict[str, Any]]] = {"all": []}
    for host in environment.hosts.values():
        data["all"].append(_one_host(host))
        for group in host.groups:
            data.setdefault(group, []).append(_one_host(host))
    return data
