"""A host's variables: evaluated when they're first read, each remembering where it came from."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from cdconf.errors import InvalidFile
from cdconf.inventory.variables import AsIs
from cdconf.roles.keys import fits
from cdconf.secrets import Mask, Secret, is_tainted, taint
from cdconf.yamlfile import kind_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cdconf.catalog.templating import Templating
    from cdconf.roles import Variable

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Raw:
    """A variable's value as written, and where; `shadowed` are the places that it wins over."""

    value: Any
    file: str
    line: int
    shadowed: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """`inventories/staging/group_vars/web.yml:3`."""
        return f"{self.file}:{self.line}" if self.line else self.file


def has_nothing_to_render(value: Any) -> bool:
    """Whether a value of a project file stays as it's written; most do, and rendering asks nothing for them."""
    if isinstance(value, str):
        return "{" not in value or isinstance(value, AsIs)
    return not isinstance(value, (list, dict))


class Scope:
    """What templates of one host can see.

    Args:
        templating: Renders.
        raw: Variables by name.
        declared: What the host's roles declare, for type checks.
        builtins: facts, host, hosts, environment.
        late: Gives a variable that has no value (a secret to decrypt or make); None when it has none either.
        mask: Learns every secret that's read.
    """

    def __init__(
        self,
        templating: Templating,
        raw: Mapping[str, Raw],
        declared: Mapping[str, Variable],
        builtins: Mapping[str, Any],
        late: Callable[[str], Any],
        mask: Mask,
    ) -> None:
        self.raw = raw
        self.declared = declared
        self.mask = mask
        self._templating = templating
        self._values: dict[str, Any] = dict(builtins)
        self._builtins = tuple(builtins)
        self._late = late
        self._evaluating: list[str] = []
        self._tainted = False
        self._secret: set[str] = set()  # the names of values that were made of secrets, whatever their type
        self._reads: set[str] = set()
        self._direct: dict[str, frozenset[str]] = {}
        self._behind: dict[frozenset[str], frozenset[str]] = {}

    def names(self) -> list[str]:
        """Every name that can be read."""
        return sorted({*self.raw, *self.declared, *self._builtins})

    def lookup(self, name: str, default: Any) -> Any:
        """A variable's value; `default` when there's no such variable. Notes whether it's tainted."""
        self._reads.add(name)
        if name not in self._values:
            if name not in self.raw and name not in self.declared:
                return default
            self._values[name] = self._evaluate(name)
        if name in self._secret:
            self._tainted = True
        return self._values[name]

    def is_secret(self, name: str) -> bool:
        """Whether a value that was looked up is a secret, or was made of one; numbers and truths don't show it."""
        return name in self._secret

    @property
    def has_read_a_secret(self) -> bool:
        """Whether what's being rendered has read a secret so far."""
        return self._tainted

    @contextlib.contextmanager
    def reading(self) -> Iterator[set[str]]:
        """Collects the names that are read meanwhile; what variables read in turn isn't among them."""
        outer = self.begin()
        try:
            yield self._reads
        finally:
            self.end(outer)

    def begin(self) -> set[str]:
        """Begins to collect the names that are read; returns what `end` wants. Faster than `reading`."""
        outer, self._reads = self._reads, set()
        return outer

    def end(self, outer: set[str]) -> set[str]:
        """Goes on with what was being collected before; returns what has been read since `begin`."""
        reads, self._reads = self._reads, outer
        return reads

    def behind(self, more: Iterable[str] = ()) -> frozenset[str]:
        """The names that were read since `begin`, some more, and all that the variables among them read in turn."""
        names = frozenset(self._reads.union(more))
        if names not in self._behind:
            found: set[str] = set()
            left = list(names)
            while left:
                name = left.pop()
                if name not in found:
                    found.add(name)
                    left += self._direct.get(name, ())
            self._behind[names] = frozenset(found)
        return self._behind[names]

    def _evaluate(self, name: str) -> Any:
        if name in self._evaluating:
            circle = " -> ".join([*self._evaluating[self._evaluating.index(name) :], name])
            raw = self.raw[name]
            raise InvalidFile(f"variables refer to each other in a circle: {circle}", file=raw.file, line=raw.line)
        if name not in self.raw:
            value = self._late(name)
            self._note(name, value, is_secret=is_tainted(value))
            return value
        raw = self.raw[name]
        self._evaluating.append(name)
        try:
            with self.reading() as direct:
                value, is_secret = self.noted(lambda: self.render(raw.value, raw.file, raw.line))
            if direct:
                self._direct[name] = frozenset(direct)
                self._behind.clear()
        finally:
            self._evaluating.pop()
        if name in self.declared and self.declared[name].secret:
            value, is_secret = taint(value), True  # given with -e
        self._note(name, value, is_secret=is_secret)
        self._check_type(name, value, raw)
        return value

    def _note(self, name: str, value: Any, *, is_secret: bool) -> None:
        if is_secret:
            self._secret.add(name)
            self._learn(value)

    def _check_type(self, name: str, value: Any, raw: Raw) -> None:
        variable = self.declared.get(name)
        if variable is not None and not fits(value, variable.type):
            given = "***" if name in self._secret else shown(value)
            raise InvalidFile(
                f"'{name}' must be of type {variable.type}, but is {given}",
                file=raw.file,
                line=raw.line,
                hint=f"it's declared at {variable.file}:{variable.line}",
            )

    def _learn(self, value: Any) -> None:
        if isinstance(value, dict):
            for key, member in value.items():
                self._learn(key)
                self._learn(member)
        elif isinstance(value, (list, tuple)):
            for member in value:
                self._learn(member)
        elif isinstance(value, Secret):
            self.mask.add(value)
        elif type(value) in (int, float):
            self.mask.add(str(value))

    def render(self, value: Any, file: str, line: int) -> Any:
        """A value of a project file with all its texts rendered; tainted when any secret was read for it."""
        if has_nothing_to_render(value):
            return str.__str__(value) if isinstance(value, AsIs) else value
        if isinstance(value, str):
            return self.tracked(lambda: self._templating.value(value, self, file, line))
        if isinstance(value, list):
            lines = getattr(value, "lines", None) or [line] * len(value)
            return [self.render(member, file, at) for member, at in zip(value, lines, strict=True)]
        lines = getattr(value, "lines", {})
        return {key: self.render(member, file, lines.get(key, line)) for key, member in value.items()}

    def tracked(self, action: Callable[[], Any]) -> Any:
        """Runs a render; its result is tainted when it read anything tainted."""
        outer, self._tainted = self._tainted, False
        try:
            result = action()
            return taint(result) if self._tainted else result
        finally:
            self._tainted = outer or self._tainted

    def noted(self, action: Callable[[], _Value]) -> tuple[_Value, bool]:
        """Runs a render; returns its result, and whether it read a secret. Numbers and truths can't carry a taint."""
        outer, self._tainted = self._tainted, False
        try:
            result = action()
            return result, self._tainted
        finally:
            self._tainted = outer or self._tainted

    def condition(self, value: Any, file: str, line: int) -> bool:
        """Whether a `when` holds: a boolean, or an expression with or without braces."""
        if isinstance(value, bool):
            return value
        if not isinstance(value, str):
            hint = "join conditions with `and`" if isinstance(value, list) else None
            raise InvalidFile(
                f"a condition must be an expression, not {kind_of(value)}", file=file, line=line, hint=hint
            )
        if "{{" in value:
            found = self.render(value, file, line)
            if isinstance(found, str) and not _is_lone(value):  # `81 == 80` would be a text, and each text holds
                hint = "such as `when: site_port == 80`"
                raise InvalidFile("a condition is one expression, without braces", file=file, line=line, hint=hint)
            return bool(found)
        return bool(self._templating.expression(value, self, file, line))

    def template(self, role: str, name: str, file: str, line: int) -> str:
        """A rendered template file, tainted when it read a secret."""
        result: str = self.tracked(lambda: self._templating.template(role, name, self, file, line))
        return result

    def with_each(self, value: Any, *, is_secret: bool = False) -> None:
        """Sets `each`, for one turn of a `for_each`."""
        self._values["each"] = value
        if is_secret:
            self._secret.add("each")

    def without_each(self) -> None:
        """Removes `each`."""
        self._values.pop("each", None)
        self._secret.discard("each")


def _is_lone(text: str) -> bool:
    """Whether a text is one expression in braces, and nothing else."""
    bare = text.strip()
    return bare.startswith("{{") and bare.endswith("}}") and bare.count("{{") == 1
