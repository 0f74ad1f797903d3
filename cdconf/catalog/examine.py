"""Everything that lint has to say about a project: its errors, and its warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.catalog.advice import Advice
from cdconf.catalog.findings import Finding
from cdconf.catalog.lint import lint
from cdconf.errors import CdconfError
from cdconf.resources.agent_code import agent_errors
from cdconf.resources.discovery import Types
from cdconf.roles import smoke_errors
from cdconf.secrets import is_tainted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdconf.catalog.model import Catalog
    from cdconf.inventory import Project


def examine(project: Project) -> tuple[list[CdconfError], list[Finding]]:
    """Every error, see `lint`, `smoke_errors` and `agent_errors`, and every warning."""
    catalogs: list[Catalog] = []
    errors = lint(project, catalogs.append)
    errors += smoke_errors(project.root, dict.fromkeys(role for group in project.groups.values() for role in group))
    try:
        errors += agent_errors(project.root, project.type_packages)
        warnings = Advice(project, Types(project.root, project.type_packages)).findings()
    except CdconfError:  # a resource type that can't be read, which is among the errors
        warnings = []
    exposed = dict.fromkeys(finding for catalog in catalogs for finding in _readable_secrets(catalog))
    return errors, [*warnings, *exposed]


def _readable_secrets(catalog: Catalog) -> Iterator[Finding]:
    """Files that hold a secret and may be read by everybody on their host."""
    for one in catalog.resources:
        mode = str(one.fields.get("mode", "0644"))
        if one.type == "file" and is_tainted(one.fields.get("content")) and not one.absent and int(mode, 8) & 0o004:
            file, _, line = one.source.rpartition(":")
            message = f"'{one.title}' holds a secret, and its mode {mode} lets everybody on the host read it"
            yield Finding("readable_secret", message, file, int(line), 'give it `mode: "0600"`, or "0640"')
