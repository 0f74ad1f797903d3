"""The description of a resource type: its fields, their rules, and its actions.

A type's `spec.py` holds one `TYPE = ResourceType(...)`. Compiling, `lint`, the JSON Schema and the reference
pages all read it; the agent never does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from cdconf.errors import InvalidFile
from cdconf.other_words import field_hint

Kind = Literal["string", "integer", "number", "boolean", "mode", "path", "list", "map", "any"]


class _Required:
    """The default of a field that must be given."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()


@dataclass(frozen=True)
class Field:
    """One field of a resource type.

    Args:
        kind: `mode` is a string of 3 or 4 octal digits, normalised to 4; `path` an absolute path without
            `..`, normalised; `list` a list of strings (one string stands for a list of one).
        doc: One sentence for the reference.
        default: Value when the field isn't given. None means: not managed, left out of the catalog. REQUIRED means:
            it must be given, except where the resource is `absent`, or is a handler's.
        choices: The only values allowed.
        compare: Whether the field is state that the host is compared with. False for parameters that only say
            how (`validate`, `unless`, `recursive`), and for what `normalise` replaces (`template`).
        sensitive: The value is never shown, whatever it is.
        relative: A `mode` may also be changes to what's there, as chmod(1) words them: `go-w`, `u=rwX,go=rX`.
        members: What a `list` holds: texts, or whatever `normalise` checks.
        public: Other users of the host can see it, such as an argument of a program: it can't be made of a secret.
        instead: What to do with a secret in place of giving it here, for the error's hint.
        public_keys: Of a map: the keys whose values others can see, `*` for any end.
        but_values: Of these: values that begin so can't be seen.
    """

    kind: Kind
    doc: str
    default: object = None
    choices: tuple[object, ...] = ()
    compare: bool = True
    sensitive: bool = False
    public: bool = False
    instead: str | None = None
    public_keys: tuple[str, ...] = ()
    but_values: str | None = None
    members: Literal["string", "any"] = "string"
    relative: bool = False


class Context(Protocol):
    """The functions that the compiler offers to `normalise`."""

    def template(self, name: str) -> str:
        """The rendered text of a template: the role's `templates/NAME`, then the project's `templates/NAME`."""

    def source_file(self, name: str) -> bytes:
        """The bytes of the role's `files/NAME`, then of the project's `files/NAME`."""

    def source_directory(self, name: str) -> dict[str, tuple[bytes, bool]]:
        """Every file below the role's `files/NAME`, or the project's: path -> (bytes, whether it's executable)."""

    def condition(self, expression: str) -> bool:
        """Whether a Jinja2 expression is true, evaluated as `when` is."""

    def error(self, message: str, hint: str | None = None) -> InvalidFile:
        """An error that points at the resource being compiled."""


Fields = dict[str, Any]


@dataclass(frozen=True)
class ResourceType:
    """A type of resource.

    Args:
        name: The key that names the type in role.yml; also its folder's name.
        doc: A paragraph for the reference.
        title: The field that the value of the type's key fills (`path` for `file: /etc/motd`).
        fields: Every field, the title's included.
        example: YAML for the reference; it's compiled by a test.
        absent: Whether `absent: true` is allowed.
        actions: Name -> doc of what a handler may do with it (`restart`). Empty: no actions.
        default_action: The action of a handler that names none.
        guards: Fields of which an ordinary resource needs at least one (`command`: `unless`, `creates`).
        exclusive: Groups of fields of which at most one may be given.
        normalise: Turns checked fields into the catalog's fields on the controller: renders
            templates, resolves files. Gets a copy that it may change and return.
        titles_are_lists: Whether the title may be a list, one resource for each member.
        identity: Fields that, together with the title, identify a resource (`line`: several in one file). They're
            shown after the title, and kept on the host for removal, so they can't hold secrets.
        paths: The paths that a resource manages; by default its title, where that is a path.
        owns_tree: Whether it manages everything below its paths as well (`git`).
        needs_managed: A field that, where it's given, has the compiler add `managed` to the catalog's fields:
            `{"paths": [...], "trees": [...]}`, what the host's other resources manage below the title, relative to
            it. Where they aren't all known (`--role`), the field is taken out instead.
        portrayed: Fields of the observed state that `parity` compares also where no resource asks for a value: a
            package's version.
        holds: The fields that it writes into its file, which then needs a `mode` if they were made of a secret; all of
            them if not given.
        is_whole: Whether one declaration must give all fields, because each change replaces the whole thing.
        purpose: The heading under which the reference lists it.
        elsewhere: Whether its functions run in another process, which returns texts without the marks of secrets.
    """

    name: str
    doc: str
    title: str
    fields: Mapping[str, Field]
    example: str
    absent: bool = True
    actions: Mapping[str, str] = field(default_factory=dict)
    default_action: str | None = None
    guards: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    normalise: Callable[[Fields, Context], Fields] | None = None
    titles_are_lists: bool = False
    identity: tuple[str, ...] = ()
    paths: Callable[[Fields], list[str]] | None = None
    owns_tree: bool = False
    needs_managed: str | None = None
    portrayed: tuple[str, ...] = ()
    holds: tuple[str, ...] | None = None
    is_whole: bool = False
    elsewhere: bool = False
    purpose: str = "Other"

    @functools.cached_property
    def sensitive(self) -> frozenset[str]:
        """The fields whose values are never shown."""
        return frozenset(name for name, spec in self.fields.items() if spec.sensitive)

    @functools.cached_property
    def public(self) -> tuple[str, ...]:
        """The fields whose values other users of the host can see."""
        return tuple(name for name, spec in self.fields.items() if spec.public)

    def managed_paths(self, fields: Fields) -> list[str]:
        """The paths on the host that a resource of this type manages."""
        if self.paths is not None:
            return self.paths(fields)
        return [fields[self.title]] if self.fields[self.title].kind == "path" else []

    def full_title(self, fields: Mapping[str, Any]) -> str:
        """The title that is shown, and that identifies the resource: `/etc/hosts`, or `/etc/hosts: 10.0.0.1 db1`."""
        rest = [_shown(fields[name]) for name in self.identity if name in fields]
        return ": ".join([str(fields[self.title]), *rest])

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that must be given, apart from the title."""
        return tuple(name for name, spec in self.fields.items() if spec.default is REQUIRED and name != self.title)

    @property
    def compared(self) -> tuple[str, ...]:
        """The fields that are compared with the host, in their order, without the title."""
        return tuple(name for name, spec in self.fields.items() if spec.compare and name != self.title)

    def unknown_field(self, name: str, title: str, extra: tuple[str, ...] = ()) -> tuple[str, str | None]:
        """Message and hint for a key that the type doesn't have."""
        hint = field_hint(self.name, name, [*self.fields, *extra])
        return f"unknown key '{name}' in resource {self.name} '{title}'", hint


def _shown(value: object) -> str:
    return ", ".join(str(member) for member in value) if isinstance(value, list) else str(value)


def text_or_bytes(data: bytes) -> str | bytes:
    """The data as text if it's UTF-8 without NUL, so that a diff can be shown; else the bytes."""
    try:
        return data if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return data


# A field of types that write a file as people word it; the agent hands it to `cdconf.agent.files.write_atomic`.
VALIDATE = Field(
    "string",
    "A command that must succeed before the file is replaced; {} stands for a temporary file with the new content.",
    compare=False,
)
