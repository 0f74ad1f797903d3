"""Finds what's wrong with a project's files without asking any host."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from cdconf.catalog.compiler import Compiler, UnknownHandler
from cdconf.errors import CdconfError, InvalidFile, did_you_mean
from cdconf.facts import FactCache, HostFacts, sample
from cdconf.inventory import check_variable_files, load_environment, load_toggles
from cdconf.inventory.project import FILE
from cdconf.inventory.stages import inputs_of, stages_of
from cdconf.inventory.waivers import load_waivers
from cdconf.lint.differs import check_differs
from cdconf.resources.discovery import Types, is_own
from cdconf.secrets import SecretStore
from cdconf.yamlfile import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.catalog.model import Catalog
    from cdconf.inventory import Project
    from cdconf.resources.spec import ResourceType

OnCatalog = Callable[["Catalog", "Mapping[str, ResourceType]"], None]


def lint(project: Project, on_catalog: OnCatalog | None = None) -> list[CdconfError]:
    """Every error in cdconf.yml's roles and all environments, each once; the first one of each host.

    Hosts are compiled with the facts that were last seen of them; what wasn't seen is a sample. Secrets that
    nobody here can decrypt aren't errors.

    Args:
        project: The project.
        on_catalog: Gets the catalog of each host that can be compiled, and the types.
    """
    errors: dict[str, CdconfError] = {}

    def note(error: CdconfError) -> None:
        errors.setdefault(str(error), error)

    for error in _stages(project):
        note(error)
    for name in project.filed():
        try:
            environment = load_environment(project, name)
            load_toggles(project, name)
            load_waivers(project, name)
            for error in [*check_variable_files(project, environment), *SecretStore(project, environment).damaged()]:
                note(error)
            types = Types(project.root, project.type_packages)
            compiler = Compiler(project, environment, types=types)
            check_differs(environment, compiler.types)
        except CdconfError as error:
            note(error)
            continue
        for problem in [*_types(project, types), *_roles(project, compiler), *_hosts(compiler, on_catalog)]:
            note(problem)
    return list(errors.values())


def fact_ages(project: Project) -> dict[str, dict[str, float | None]]:
    """Environment -> host -> the age in seconds of the facts that `lint` uses, None where they're a sample."""
    ages: dict[str, dict[str, float | None]] = {}
    for name in project.filed():
        cache = FactCache(project.data_if_any, name)
        try:
            hosts = load_environment(project, name).hosts
        except CdconfError:
            continue  # lint says why
        ages[name] = {host: cache.load(host).age for host in hosts}
    return ages


def _stages(project: Project) -> list[CdconfError]:
    """Stages of the pipeline that don't say what their commands read."""
    errors: list[CdconfError] = []
    for stage in stages_of(load(project.root / FILE, project.root)):
        try:
            inputs_of(stage)
        except CdconfError as error:
            errors.append(error)
    return errors


def _types(project: Project, types: Types) -> list[CdconfError]:
    """The project's own resource types are files of the project, also those that no role uses."""
    errors = []
    for name in types:
        if types.folder(name).is_relative_to(project.root) and not is_own(types.folder(name)):
            try:
                types[name]
            except CdconfError as error:
                errors.append(error)
    return errors


def _roles(project: Project, compiler: Compiler) -> list[CdconfError]:
    """Roles that can't be read, and handlers that don't exist or exist twice."""
    errors: list[CdconfError] = []
    handlers: dict[str, str] = {}
    roles = []
    for name in dict.fromkeys(role for group in project.groups.values() for role in group):
        try:
            roles.append(compiler.role(name))
        except CdconfError as error:
            errors.append(error)
    for role in roles:
        for name, declared in role.handlers.items():
            if name in handlers:
                message = f"the handler '{name}' is defined at {handlers[name]} too"
                errors.append(InvalidFile(message, file=declared.file, line=declared.line))
            handlers[name] = declared.source
    for role in roles:
        for declared in role.resources:
            for name in declared.notify:
                if name not in handlers and roles and not errors:
                    line = declared.fields.lines.get("notify", declared.line)
                    several = [one.strip() for one in name.split(",")]
                    is_list = len(several) > 1 and set(several) <= handlers.keys()
                    hint = f"write [{', '.join(several)}]" if is_list else did_you_mean(name, handlers)
                    errors.append(
                        InvalidFile(f"no role has a handler '{name}'", file=declared.file, line=line, hint=hint)
                    )
    return errors


def _hosts(compiler: Compiler, on_catalog: OnCatalog | None) -> list[CdconfError]:
    errors: list[CdconfError] = []
    cache = FactCache(compiler.project.data_if_any, compiler.environment.name)
    with contextlib.suppress(CdconfError):  # what can't be read is said below, where it's an error
        compiler.fetch_secrets(list(compiler.environment.hosts.values()))
    for host in compiler.environment.hosts.values():
        facts = HostFacts(cache.load(host.name).facts, lambda groups: sample())
        try:
            catalog = compiler.compile(host, facts.mapping)
            if on_catalog is not None:
                on_catalog(catalog, compiler.types)
        except UnknownHandler:
            pass  # said of the role, with the line of its `notify`
        except CdconfError as error:
            if error.kind != "secret":
                errors.append(error)
    return errors
