"""Whether a throw-away copy could be provisioned, found out before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.catalog import Compiler
from cdconf.catalog.copy_isolation import ForeignAddress
from cdconf.catalog.precheck import Beforehand, raise_all
from cdconf.catalog.variables import MissingValue
from cdconf.environments.choice import provider_for
from cdconf.errors import InvalidFile, UsageError
from cdconf.facts import HostFacts, sample
from cdconf.inventory.folders import THROWN_AWAY
from cdconf.secrets.offline import OfflineSecrets

if TYPE_CHECKING:
    from collections.abc import Collection

    from cdconf.inventory import Environment, Project


def check_throwaway(project: Project, environment: Environment, given: Collection[str] = ()) -> None:
    """Compiles a copy's hosts as `lint` does, with facts that are a sample, and without making secrets.

    Only what's about this copy is an error here: variables that have no value in it, those that were given, and
    addresses of the original. A secret that people must set can only be set once the environment is there.

    Args:
        project: The project.
        environment: The copy.
        given: Names of the variables that were given with `-e`.

    Raises:
        UsageError: Variables must be given, or one that was given is of no use.
        InvalidFile: It holds an address of its original, or has no hosts.
        ProviderError: There's no such provider.
    """
    provider_for(project, environment)
    compiler = Compiler(project, environment, secrets=OfflineSecrets(project, environment))
    _check_files(compiler)
    facts = HostFacts({}, lambda groups: sample())
    for host in environment.hosts.values():
        for role in compiler.roles_of(host):
            for name in given:
                if name in role.variables and role.variables[name].secret:
                    raise UsageError(
                        f"'{name}' is a secret, which isn't kept among the variables of {environment.name}",
                        hint=f"leave it out; `cdconf secret set {environment.name} {name}` sets it",
                    )
        try:
            compiler.compile(host, facts.mapping)
        except MissingValue as error:
            if not error.variable.secret:
                raise _lacking(compiler) from error
        except InvalidFile as error:
            if error.file and error.file.startswith(f"{THROWN_AWAY}/{environment.name}/"):
                raise UsageError(f"-e: {error.message}", hint=error.hint) from error
            if isinstance(error, ForeignAddress):
                raise


def _check_files(compiler: Compiler) -> None:
    """What's wrong with the files, whatever copy they're for: a secret that people must set isn't."""
    looking = Beforehand(compiler)
    looking.look_at_roles()
    if not looking.errors:
        for host in compiler.environment.hosts.values():
            looking.look(host)
    lacking = [error for error in looking.errors.values() if isinstance(error, MissingValue)]
    if any(not value.variable.secret for value in lacking):
        raise _lacking(compiler)
    own = f"{THROWN_AWAY}/{compiler.environment.name}/"
    raise_all(
        [error for error in looking.errors.values() if error not in lacking and not (error.file or "").startswith(own)]
    )


def _lacking(compiler: Compiler) -> UsageError:
    """Everything that must be given, at once."""
    environment = compiler.environment
    facts = HostFacts({}, lambda groups: sample())
    names: dict[str, None] = {}
    for host in environment.hosts.values():
        scope = compiler.scope(host, facts.mapping)
        names |= {
            name: None
            for name, variable in scope.declared.items()
            if name not in scope.raw and not variable.secret and variable.generate is None
        }
    options = " ".join(f"-e {name}=…" for name in names)
    return UsageError(
        f"{environment.name} would have no value for {', '.join(names)}: what's per environment isn't copied from "
        f"{environment.copy_of}",
        hint=f"give them, {options}, or set them for all such copies in {environment.variables_file}",
    )
