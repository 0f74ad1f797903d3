"""What roles reach in the project's own templates/ and files/, and in other roles: found as the loader finds it.

Nothing is rendered, so a name that isn't constant could become any: then all that the loader would find is reached. It
errs on that side throughout: a template that no host needs may be counted, one that a host needs is never missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.catalog.limits import LimitedEnvironment
from cdconf.catalog.templating import joined, places_of
from cdconf.errors import InvalidFile
from cdconf.lint.references import strings
from cdconf.resources.discovery import own_types
from cdconf.yamlfile import loads

if TYPE_CHECKING:
    from cdconf.promotion.commit import CommitReader, TreeEntry

# The fields of cdconf's own types that name a template or a file; a test looks through the types for others.
TEMPLATES = ("template",)
FILES = ("source", "key_source", "lock", "package")
_MARKS = ("{{", "{%", "{#")
# Without one of these words a text includes nothing, and needn't be parsed.
_WORDS = re.compile("include|import|extends")


class Reach:
    """Collects what's reached, file by file.

    Args:
        commit: Where the files are.

    Attributes:
        found: Kind (`template`, `file`) and name of each file -> its entry.
    """

    def __init__(self, commit: CommitReader) -> None:
        self.found: dict[tuple[str, str], TreeEntry] = {}
        self._commit = commit
        self._read: set[str] = set()
        self._all_of: set[str | None] = set()
        self._parser: LimitedEnvironment | None = None
        self._referring: dict[str, list[str | None]] = {}  # text -> what it names

    def add_role(self, role: str, content: Mapping[str, Any]) -> None:
        """Takes in a role: its own templates and files, and what these and its role.yml reach.

        Args:
            role: The role's name.
            content: Its role.yml.
        """
        self._add_folder("template", f"roles/{role}/templates", role)
        self._add_folder("file", f"roles/{role}/files")
        self.add_texts(content)
        for declared in _mappings(content):
            self._add_declared(role, declared)

    def add_texts(self, value: Any) -> None:
        """Takes in what the texts of a project file include; a text has no role of its own."""
        for text in strings(value):
            if any(mark in text for mark in _MARKS):
                self._add_references(text, None)

    def add_variables(self, entries: Sequence[TreeEntry]) -> None:
        """Takes in what variables in an environment's files include; only that: their values are the environment's."""
        for content in self._commit.texts(entries):
            text = content.decode("utf-8", "replace")
            if ("{%" in text and _WORDS.search(text)) or "\\" in text:  # YAML can write any character as an escape
                try:
                    self.add_texts(loads(text, "variables"))
                except InvalidFile:
                    self._add_everything(None)

    def _add_declared(self, role: str, declared: Mapping[str, Any]) -> None:
        """A resource or a handler: its first key names its type."""
        kind = next(iter(declared), None)
        if kind not in own_types():  # its spec.py may ask for anything
            self._add_everything(role)
            self._add_folder("file", "files")
        for field, value in declared.items():
            names = [value] if isinstance(value, str) else []
            if field in TEMPLATES:
                for name in names:
                    self._add_template(f"{role}//{name}") if _is_constant(name) else self._add_everything(role)
            elif field in FILES:
                for name in names:
                    self._add_file(role, name) if _is_constant(name) else self._add_folder("file", "files")

    def _add_file(self, role: str, name: str) -> None:
        """See `cdconf.catalog.sources`: the role's own comes first."""
        if name.startswith("/") or ".." in name.split("/"):
            return
        if self._commit.find(f"roles/{role}/files/{name}") is None:
            self._add_folder("file", f"files/{name}")

    def _add_template(self, name: str) -> None:
        """A template by the loader's name for it, with all that it includes."""
        if name in self._read:
            return
        self._read.add(name)
        for path in places_of(name):
            entry = self._commit.find(path)
            if entry is not None and not entry.is_tree:
                self.found["template", path] = entry
                self._add_references(self._commit.text(entry).decode("utf-8", "replace"), name)
                return

    def _add_references(self, text: str, parent: str | None) -> None:
        """What a text, or a template of this name, includes, imports or extends."""
        if not _WORDS.search(text):
            return
        for name in self._referenced(text):
            if name is None:
                self._add_everything(parent.partition("//")[0] if parent is not None else None)
            else:
                self._add_template(name if parent is None else joined(name, parent))

    def _referenced(self, text: str) -> list[str | None]:
        """The names of the templates that a text includes; None for one that isn't known before it's rendered."""
        import jinja2
        from jinja2 import meta

        if self._parser is None:
            self._parser = LimitedEnvironment()
        if text not in self._referring:
            try:
                self._referring[text] = list(meta.find_referenced_templates(self._parser.parse(text)))
            except (jinja2.TemplateError, RecursionError, ValueError):
                self._referring[text] = [None]  # nobody can render it, or another version of Jinja2 can
        return self._referring[text]

    def _add_everything(self, role: str | None) -> None:
        """All that an unknown name may stand for in a role; in a text, which has none, any role's template."""
        if role in self._all_of:
            return
        self._all_of.add(role)
        self._add_folder("template", "templates", role)
        if role is not None:
            self._add_folder("template", f"roles/{role}/templates", role)
            return
        for path, _ in list(self._commit.below("roles", strict=False)):
            _, name, *rest = path.split("/")
            if rest[:1] == ["templates"]:
                self._add_template(f"{name}//{'/'.join(rest[1:])}")

    def _add_folder(self, kind: str, folder: str, role: str | None = None) -> None:
        """All files at or below a path; templates are read as a role reads them."""
        files = dict(self._commit.below(folder))
        self.found |= {(kind, path): entry for path, entry in files.items()}
        if kind != "template":
            return
        base = 2 if folder.startswith("roles/") else 0
        for (path, _), content in zip(files.items(), self._commit.texts(list(files.values())), strict=True):
            relative = "/".join(path.split("/")[base + 1 :])
            name = relative if role is None else f"{role}//{relative}"
            if name not in self._read:
                self._read.add(name)
                self._add_references(content.decode("utf-8", "replace"), name)


def _is_constant(text: str) -> bool:
    return not any(mark in text for mark in _MARKS)


def _mappings(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Resources and handlers, as they're written."""
    resources, handlers = content.get("resources"), content.get("handlers")
    for one in [*(resources if isinstance(resources, list) else []), *(_values(handlers))]:
        if isinstance(one, dict):
            yield one


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []
