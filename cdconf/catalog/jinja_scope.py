"""A Jinja2 environment whose templates look names up in a host's scope, which itself isn't among what they can see.

The scope of a render is kept per thread, beside the environment, and each context refers to it by an attribute of its
own: no name, whatever it's called, leads to it. Nothing that a template makes outlives its render, either.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import jinja2
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from jinja2.utils import missing

from cdconf.catalog.limits import LimitedEnvironment, render
from cdconf.catalog.line_ends import LineEnds
from cdconf.catalog.meter import Place, Unmeasured
from cdconf.errors import TemplateError

if TYPE_CHECKING:
    from types import FrameType

    from cdconf.catalog.scope import Scope


class NoKey(jinja2.UndefinedError):
    """A map was asked for a key that it doesn't have."""

    def __init__(self, where: Mapping[str, Any], key: str, message: str) -> None:
        super().__init__(message)
        self.where = where
        self.key = key


class _Undefined(jinja2.StrictUndefined):
    """Remembers which map was asked, so that the error can name it."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: Any = jinja2.UndefinedError,
    ) -> None:
        if isinstance(obj, Mapping) and name is not None and exc is jinja2.UndefinedError:
            exc = partial(NoKey, obj, name)
        super().__init__(hint, obj, name, exc)


class _ScopeContext(Context):
    """Looks names up in the scope, which evaluates variables when they're first read."""

    _scope: Scope | None = None

    def resolve_or_missing(self, key: str) -> Any:
        value = super().resolve_or_missing(key)
        return self._scope.lookup(key, missing) if value is missing and self._scope is not None else value

    def derived(self, locals: dict[str, Any] | None = None) -> Context:  # noqa: A002  Jinja2's name
        """The context of a block that sees its surroundings' names."""
        context = super().derived(locals)
        if isinstance(context, _ScopeContext):
            context._scope = self._scope
        return context


class _Template(jinja2.Template):
    environment: ScopedEnvironment

    def new_context(
        self,
        vars: dict[str, Any] | None = None,  # noqa: A002  Jinja2's name
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,  # noqa: A002  Jinja2's name
    ) -> Context:
        """A context of this template that refers to the scope of the render at work."""
        context = super().new_context(vars, shared, locals)
        if isinstance(context, _ScopeContext):
            context._scope = self.environment.scope
        return context

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        """What `import` without context gives: made anew, since a kept one would carry values from text to text."""
        with self.environment.within(None):
            return self.make_module()


def place_in(frame: FrameType, python: int) -> Place | None:
    """The template, and its line, that a frame renders; None for a frame of other code.

    Args:
        frame: The frame.
        python: The line of Python that it's at.
    """
    template = frame.f_globals.get("__jinja_template__")
    if template is None or template.filename in (None, "<template>"):
        return None
    return str(template.filename), template.get_corresponding_lineno(python)


class ScopedEnvironment(LimitedEnvironment):
    """See the module. `find` gives the source of a template, as Jinja2's FunctionLoader wants it."""

    context_class = _ScopeContext
    template_class = _Template

    def __init__(self, find: Callable[[str], tuple[str, str, None] | None], join: Callable[[str, str], str]) -> None:
        super().__init__(
            undefined=_Undefined,
            trim_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
            cache_size=-1,
            auto_reload=False,
            loader=jinja2.FunctionLoader(find),
            extensions=[LineEnds],
        )
        self._join = join
        self._rendering = threading.local()
        self.meter = Unmeasured()

    def render(self, template: jinja2.Template) -> str:
        """Renders a template or a text; its meter knows at any time which template is at work.

        Raises:
            SecurityError: It gives more than `LARGEST` characters.
        """
        if template.filename in (None, "<template>"):  # a text's place is known already
            return render(template, {})
        begun = template.debug_info[0][0] if template.debug_info else 1
        self.meter.reached((str(template.filename), begun))
        return render(template, {}, self._paused)

    def _paused(self, chunks: Any) -> None:
        """Notes where a template waits that was asked for the next piece of its text."""
        inner, place = chunks, None
        while (frame := getattr(inner, "gi_frame", None)) is not None:
            place = place_in(frame, frame.f_lineno) or place
            inner = inner.gi_yieldfrom
        if place is not None:
            self.meter.reached(place)

    def get_template(self, name: Any, parent: Any = None, globals: Any = None) -> jinja2.Template:  # noqa: A002
        """A template by its name; its meter learns which of its lines has become which line of Python."""
        template = super().get_template(name, parent, globals)
        if template.filename is not None and not self.meter.knows(template.filename):
            self.meter.compiled(template.filename, template.debug_info)
        return template

    def handle_exception(self, source: str | None = None) -> NoReturn:
        """Raises a template's exception with its own lines, which takes a while: its place is known before."""
        trace, place = sys.exc_info()[2], None
        while trace is not None:
            place = place_in(trace.tb_frame, trace.tb_lineno) or place
            trace = trace.tb_next
        if place is not None:
            self.meter.reached(place)
        super().handle_exception(source)

    def make_globals(self, d: Any) -> dict[str, Any]:
        """What a template sees besides the scope; each render copies it, and Jinja2's own kind is slow to copy."""
        return {**self.globals, **(d or {})}

    def join_path(self, template: str, parent: str) -> str:
        """The name of a template that another one includes."""
        return self._join(template, parent)

    def compile(self, source: Any, name: Any = None, filename: Any = None, *options: Any, **more: Any) -> Any:
        """Compiles a template; Python's own limits, which aren't Jinja2's, are errors of the template's file."""
        try:
            return super().compile(source, name, filename, *options, **more)
        except (RecursionError, SyntaxError, MemoryError):
            if filename is None:
                raise RecursionError from None
            raise TemplateError("this is nested too deeply", file=filename, line=1) from None

    @property
    def scope(self) -> Scope | None:
        """The scope of the render that this thread is at."""
        scope: Scope | None = getattr(self._rendering, "scope", None)
        return scope

    @contextlib.contextmanager
    def within(self, scope: Scope | None) -> Iterator[None]:
        """Renders meanwhile see this scope."""
        outer, self._rendering.scope = self.scope, scope
        try:
            yield
        finally:
            self._rendering.scope = outer
