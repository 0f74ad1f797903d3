"""Everything that lint has to say about a project: its errors, and its warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.catalog import secret_files
from cdconf.catalog.findings import LintFinding
from cdconf.errors import CdconfError
from cdconf.inventory import load_environment
from cdconf.lint import lacking
from cdconf.lint.advice import Advice
from cdconf.lint.app_paths import given_away
from cdconf.lint.project import lint
from cdconf.resources.agent_code import agent_errors
from cdconf.resources.discovery import Types
from cdconf.roles import smoke_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cdconf.catalog.model import Catalog, Resource
    from cdconf.inventory import Project
    from cdconf.resources.spec import ResourceType


def examine(project: Project) -> tuple[list[CdconfError], list[LintFinding]]:
    """Every error, see `lint`, `smoke_errors` and `agent_errors`, and every warning."""
    catalogs: list[Catalog] = []
    types: dict[str, ResourceType] = {}

    def keep(catalog: Catalog, used: Mapping[str, ResourceType]) -> None:
        catalogs.append(catalog)
        types.update({resource.type: used[resource.type] for resource in catalog.resources})

    errors = lint(project, keep)
    errors += smoke_errors(project.root, dict.fromkeys(role for group in project.groups.values() for role in group))
    warnings: list[LintFinding] = []
    try:
        errors += agent_errors(project.root, project.type_packages)
        advice = Advice(project, Types(project.root, project.type_packages))
        warnings += advice.findings()
        warnings += _each_once(lacking.findings(project, advice.roles, catalogs))
    except CdconfError:  # a resource type that can't be read, which is among the errors
        pass
    exposed = dict.fromkeys(secret_files.findings(catalogs, types))
    owned = dict.fromkeys(given_away(catalogs, project.apps.values()))
    return errors, [*warnings, *exposed, *owned, *_databases(project, catalogs)]


def _each_once(found: Iterable[LintFinding]) -> Iterator[LintFinding]:
    """One finding for each rule and line: what's true of one host mostly is of all."""
    seen = set()
    for finding in found:
        key = (finding.rule, finding.file, finding.line, finding.hint)
        if key not in seen:
            seen.add(key)
            yield finding


_SERVERS = ("postgresql", "postgresql-server", "mariadb-server", "mysql-server", "default-mysql-server")


def _databases(project: Project, catalogs: list[Catalog]) -> Iterator[LintFinding]:
    """Apps whose migration runs on one host of an environment in which several of their hosts have a database."""
    own: dict[tuple[str, str], list[str]] = {}
    for catalog in catalogs:
        if any(_makes_a_database(resource) for resource in catalog.resources):
            host = load_environment(project, catalog.environment).hosts[catalog.host]
            for app in project.apps_on(host):
                own.setdefault((app.name, catalog.environment), []).append(catalog.host)
    for (name, environment), hosts in own.items():
        app = project.apps[name]
        if app.migrate and len(hosts) > 1:
            message = (
                f"migrations of app '{name}' run once in {environment}, on one host, and {', '.join(hosts)} "
                "have a database each"
            )
            hint = "give the app one database, or migrate when it starts; see docs/guides/databases.md"
            yield LintFinding("database_per_host", message, app.file, app.line, hint)


def _makes_a_database(resource: Resource) -> bool:
    if resource.absent:
        return False
    return resource.type == "postgres_database" or (resource.type == "package" and resource.title in _SERVERS)
