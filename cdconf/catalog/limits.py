"""What one text may take while it's rendered; `cdconf.catalog.rendering` has the process that keeps to it.

No limit goes by what a text calls: time and memory are measured, whatever uses them up. So Jinja2 works nothing out
while it only reads a text, which nobody measures.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import CodeType
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError
from jinja2.meta import TrackingCodeGenerator
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cdconf.catalog.line_ends import indented

LARGEST = 16 * 1024 * 1024  # characters of a rendered text; characters and members of an expression's value
DEEPEST = 100  # lists and maps in each other
SECONDS = 5  # of processor time, for one text with all that it includes and reads
SECONDS_IN_ALL = 60  # of processor time, for all texts of one host
_AT_ONCE = 1000  # pieces of a text that are put together before its size is looked at
MEMORY = 1024**3  # bytes that texts may take, beyond what the process has when it starts


class _Generator(CodeGenerator):
    """Leaves constants to the render: `{{ 'x' | center(10 ** 10) }}` is one."""

    def _output_child_to_const(self, node: nodes.Expr, *about: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, *about)

    def visit_Filter(self, node: nodes.Filter, frame: Any) -> None:  # noqa: N802  Jinja2's name
        """Jinja2 finds an unknown name in a branch only when it's taken."""
        if node.name not in self.environment.filters:
            self.fail(f"No filter named {node.name!r}.", node.lineno)
        super().visit_Filter(node, frame)

    def visit_Test(self, node: nodes.Test, frame: Any) -> None:  # noqa: N802  Jinja2's name
        """See `visit_Filter`."""
        if node.name not in self.environment.tests:
            self.fail(f"No test named {node.name!r}.", node.lineno)
        super().visit_Test(node, frame)


class _NameCollector(_Generator, TrackingCodeGenerator):
    """Collects the names that a text reads."""


class LimitedEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox, which reads texts without working anything out."""

    code_generator_class = _Generator

    def __init__(self, **options: Any) -> None:
        super().__init__(optimized=False, **options)
        self.filters["indent"] = indented
        del self.globals["lipsum"]

    def _compile(self, source: str, filename: str) -> CodeType:
        return lined(super()._compile(source, filename))

    def names_in(self, tree: nodes.Template) -> set[str]:
        """The variables, facts and the like that a text reads.

        Raises:
            jinja2.TemplateError: There's no such filter or test.
        """
        reader = _NameCollector(self)
        reader.optimizer = None
        reader.visit(tree)
        return reader.undeclared_identifiers


def lined(code: CodeType) -> CodeType:
    """The same code, in which each instruction has a line: the end of a loop has none, and takes its time.

    `Objects/locations.md` of Python's sources has the table: an entry of the kind 15 says that there's no line, one of
    the kind 13 says how much further the line is, here 0.
    """
    table = b"".join(bytes((one & 0xEF, 0)) if one & 0xF8 == 0xF8 else bytes((one,)) for one in code.co_linetable)
    inner = (lined(const) if isinstance(const, CodeType) else const for const in code.co_consts)
    return code.replace(co_linetable=table, co_consts=tuple(inner))


def _unheard(chunks: Any) -> None:
    """Nobody wants to know."""


def render(template: jinja2.Template, names: dict[str, Any], paused: Callable[[Any], None] = _unheard) -> str:
    """Renders a template up to the limit.

    Args:
        template: What's rendered.
        names: What it sees.
        paused: Called whenever a part of the text was made, with the generator that makes it.

    Raises:
        SecurityError: It gives more than `LARGEST` characters; raised where the template is by then.
    """
    parts: list[str] = []
    size = 0
    chunks = template.generate(names)
    while pieces := list(itertools.islice(chunks, _AT_ONCE)):  # which may all be empty
        paused(chunks)
        part = "".join(pieces)
        size += len(part)
        if size > LARGEST:
            too_large = SecurityError(f"the text would be larger than {LARGEST >> 20} Mi")
            chunks.throw(too_large)  # type: ignore[attr-defined]  # it's a generator
            raise too_large
        parts.append(part)
    return "".join(parts)
