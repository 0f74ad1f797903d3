"""A Jinja2 environment in which a slip of the pen can't fill the memory: `{{ 'x' * 10**10 }}` is an error."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from cdconf.catalog.line_ends import indented

LARGEST = 16 * 1024 * 1024  # characters of a rendered text, members of a list
TURNS = 10_000_000  # of all `range` in one text
_BITS = 64 * 1024  # of an integer
_WIDE = re.compile(r"(%[-+ #0-9.]*|\{[^{}]*)[0-9]{7,}")  # a width or precision in a format
_GIVEN_WIDTH = re.compile(r"%[-+ #0-9.]*\*|\{[^{}]*:[^{}]*\{")
_PADDING = {"ljust", "rjust", "center", "zfill", "expandtabs"}
_SEQUENCES = (str, bytes, list, tuple)


class LimitedEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox, with limits on what one expression, or one text, may grow to."""

    intercepted_binops = frozenset(("*", "**", "%"))

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.filters["indent"] = indented
        for name in ("center", "indent", "batch", "slice"):
            self.filters[name] = _limited_numbers(name, self.filters[name])
        self.filters["format"] = _limited_format(self.filters["format"])
        self.globals["range"] = self._range
        self._turns = threading.local()
        del self.globals["lipsum"]

    def begin(self) -> None:
        """Begins to count the turns of loops anew, for this thread."""
        self._turns.count = 0

    def _range(self, *bounds: int) -> range:
        """Loops in loops whose bodies print nothing would run for hours, and no other limit would notice."""
        turns = safe_range(*bounds)
        self._turns.count = getattr(self._turns, "count", 0) + len(turns)
        if self._turns.count > TURNS:
            raise SecurityError(f"its loops take more than {TURNS} turns")
        return turns

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            _check_product(left, right)
        elif operator == "**":
            _check_power(left, right)
        elif isinstance(left, (str, bytes)):
            _check_format(left, right if isinstance(right, tuple) else (right,))
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, *arguments: Any, **keywords: Any) -> Any:
        method = getattr(function, "__wrapped__", function)  # the sandbox wraps str.format
        owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        if isinstance(owner, (str, bytes)):
            if name in _PADDING:
                _check_numbers(name, (*arguments, *keywords.values()))
            elif name in ("format", "format_map"):
                _check_format(owner, (*arguments, *keywords.values()))
            elif name == "replace" and len(arguments) > 1:
                _check_size(len(owner) * max(1, len(str(arguments[1]))), "replace")
        return super().call(context, function, *arguments, **keywords)


def limited(chunks: Iterable[str]) -> str:
    """The chunks of a template as one text.

    Raises:
        SecurityError: They're more than `LARGEST` characters.
    """
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        _check_size(size, "the text")
        parts.append(chunk)
    return "".join(parts)


def render(template: jinja2.Template, names: dict[str, Any]) -> str:
    """Renders a template up to the limit."""
    return limited(template.generate(names))


def _check_size(size: int, what: str) -> None:
    if size > LARGEST:
        raise SecurityError(f"{what} would be larger than {LARGEST >> 20} Mi")


def _check_product(left: Any, right: Any) -> None:
    for value, count in ((left, right), (right, left)):
        if isinstance(value, _SEQUENCES) and isinstance(count, int):
            _check_size(len(value) * count, "a repetition")
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right.bit_length())


def _check_power(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1:
        _check_bits(left.bit_length() * right)


def _check_bits(bits: int) -> None:
    if bits > _BITS:
        raise SecurityError(f"a number of more than {_BITS} bits")


def _check_format(text: Any, values: Iterable[Any]) -> None:
    text = text if isinstance(text, str) else text.decode("latin-1")
    if _WIDE.search(text):
        raise SecurityError("a format with such a width")
    if _GIVEN_WIDTH.search(text):
        _check_numbers("a format", values)


def _check_numbers(name: str, values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, int):
            _check_size(value, name)


def _limited_numbers(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def checked(*arguments: Any, **keywords: Any) -> Any:
        _check_numbers(name, (*arguments, *keywords.values()))
        return function(*arguments, **keywords)

    return checked


def _limited_format(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def checked(value: Any, *arguments: Any, **keywords: Any) -> Any:
        _check_format(str(value), (*arguments, *keywords.values()))
        return function(value, *arguments, **keywords)

    return checked
