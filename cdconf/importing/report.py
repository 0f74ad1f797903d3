"""What an import did, and what it leaves to a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ImportFinding:
    """Something that a person should read; `file` is the source's, as it was given on the command line."""

    message: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{where}{self.message}"


@dataclass
class ImportReport:
    """What an import did.

    Attributes:
        environment: The environment that was written.
        written: The files, relative to the project.
        hosts: Names in the source -> names in cdconf.
        renamed: Groups and variables that couldn't keep their names.
        not_taken: What cdconf has no place for.
        moved: Values that went to another level, so that every host keeps the value that it had.
        templates: Expressions that only the other tool understands; they were kept as they are.
        secrets: Names in secrets.yml.
        sudo_passwords: Those that no role declares, since sudo reads them.
        to_set: Secrets that couldn't be decrypted, to be set with `cdconf secret set`.
        add_to_project: Lines to add to the `groups` of an existing cdconf.yml.
        notes: Everything else.
    """

    environment: str = ""
    written: list[str] = field(default_factory=list)
    hosts: dict[str, str] = field(default_factory=dict)
    renamed: list[ImportFinding] = field(default_factory=list)
    not_taken: list[ImportFinding] = field(default_factory=list)
    moved: list[ImportFinding] = field(default_factory=list)
    templates: list[ImportFinding] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    sudo_passwords: list[str] = field(default_factory=list)
    to_set: list[str] = field(default_factory=list)
    add_to_project: list[str] = field(default_factory=list)
    notes: list[ImportFinding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        data = asdict(self)
        del data["environment"]
        return data
