"""The project that an import writes into: an existing one, or a new one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cdconf.errors import UsageError
from cdconf.importing import write
from cdconf.importing.report import ImportFinding, ImportReport
from cdconf.inventory import Project, load_project
from cdconf.inventory.project import FILE
from cdconf.secrets import age


class ImportTarget:
    """Where an environment is written.

    Args:
        directory: The project's directory, or one in it.
        environment: The environment's name.
        groups: Ansible's groups -> cdconf's, weakest first.

    Attributes:
        groups: The same.
        order: All groups by cdconf's names, in the order of cdconf.yml; what's missing there follows.
    """

    def __init__(self, directory: Path, environment: str, groups: dict[str, str]) -> None:
        self.groups = groups
        self._environment = environment
        self._project = _existing(directory)
        self._root = self._project.root if self._project else directory.resolve()
        known = list(self._project.groups) if self._project else []
        self._missing = [name for name in groups.values() if name not in known]
        self.order = [*known, *self._missing]

    def write(
        self,
        entries: Mapping[str, Mapping[str, Any]],
        variables: Mapping[str, Mapping[str, Any]],
        secrets: Mapping[str, str | None],
        head: str,
        report: ImportReport,
    ) -> None:
        """Writes everything, hosts.yml last: before it there's no environment.

        Args:
            entries: Hosts, as hosts.yml has them.
            variables: `group_vars/web` -> its variables.
            secrets: Name -> value; None: not known.
            head: The files' first line.
            report: Learns the files and what's left to do.

        Raises:
            UsageError: A file is there already; nothing was written.
        """
        folder = f"inventories/{self._environment}"
        texts = {f"{folder}/{name}.yml": write.variables_text(values, head) for name, values in variables.items()}
        texts[f"{folder}/hosts.yml"] = write.hosts_text(entries, head)
        known = {name: value for name, value in secrets.items() if value is not None}
        names = [*texts, *([f"{folder}/secrets.yml"] if known else [])]
        if self._project is None:
            names.append(FILE)
        write.check_free(self._root, names)
        if self._project is None:
            texts = {FILE: self._project_text(report), **texts}
        else:
            report.add_to_project = [f"{name}: []" for name in self._missing]
        if known:
            self._write_secrets(f"{folder}/secrets.yml", known, report)
        for name, text in texts.items():
            write.write_new(self._root / name, text)
            report.written.append(name)
        report.secrets = sorted(known)
        report.to_set = sorted(name for name, value in secrets.items() if value is None)

    def _project_text(self, report: ImportReport) -> str:
        name = re.sub(r"[^a-z0-9-]+", "-", self._root.name.lower()).strip("-")[:63] or "imported"
        report.notes.append(ImportFinding(f"give each group its roles in {FILE}"))
        lines = [
            f"project: {name}",
            "groups:      # each group's roles; hosts get their groups' variables in this order",
        ]
        lines += [f"  {group}: []" for group in self.order]
        return "\n".join(lines if self.order else [lines[0], "groups: {}"]) + "\n"

    def _write_secrets(self, name: str, values: Mapping[str, str], report: ImportReport) -> None:
        project = self._project or Project(root=self._root, name="", groups={}, apps={}, lease_ttl=60.0)
        shown = f"inventories/{self._environment}/recipients.txt"
        if not (self._root / shown).exists():
            write.write_new(self._root / shown, f"{age.make_identity()}\n")
            report.written.append(shown)
            report.notes.append(
                ImportFinding(f"{shown} has your key alone: add those of everyone who may read the secrets")
            )
        text = write.secrets_text(values, age.recipients(project, self._environment))
        write.write_secrets(self._root / name, text)
        report.written.append(name)


def _existing(directory: Path) -> Project | None:
    start = directory.resolve()
    if start.exists() and not start.is_dir():
        raise UsageError(f"{directory} isn't a directory")
    if any((folder / FILE).is_file() for folder in (start, *start.parents)):
        return load_project(start)
    return None
