"""Jinja2 as project files use it: sandboxed, strict, and with errors that name the user's file and line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from cdconf.catalog.data import as_data, check_text
from cdconf.catalog.fact_names import check_fact_names
from cdconf.catalog.failed import explained, no_template, not_jinja
from cdconf.catalog.filters import FILTERS, TESTS
from cdconf.catalog.jinja_scope import ScopedEnvironment
from cdconf.catalog.limits import MEMORY
from cdconf.catalog.meter import Unmeasured, too_much
from cdconf.errors import CdconfError, TemplateError
from cdconf.yamlfile import read_exactly

if TYPE_CHECKING:
    from types import TracebackType

    from cdconf.catalog.scope import Scope

_MARKS = ("{{", "{%", "{#")
_LONE = re.compile(r"\{\{-?(.*?)-?\}\}\Z", re.DOTALL)


class Templating:
    """Compiles texts and templates once, for all hosts.

    Args:
        root: The project; templates are `roles/ROLE/templates/NAME`, then `templates/NAME`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._expressions: dict[str, Callable[..., Any]] = {}
        self._texts: dict[str, jinja2.Template] = {}
        self._environment = ScopedEnvironment(self._load, joined)
        self._environment.filters.update(FILTERS)
        self._environment.tests.update(TESTS)

    def measure(self, meter: Unmeasured) -> None:
        """From now on, texts are measured."""
        self._environment.meter = meter

    def _load(self, name: str) -> tuple[str, str, None] | None:
        for shown in places_of(name):
            path = self._root / shown
            if path.is_file():
                source = read_exactly(path, shown, self._root)
                check_fact_names(self._environment, source, shown)
                return source, shown, None
        return None

    def value(self, text: str, scope: Scope, file: str, line: int) -> Any:
        """A text of a project file, rendered; one lone `{{ expression }}` keeps its type.

        Raises:
            TemplateError: It can't be rendered; a name is undefined.
        """
        if not any(mark in text for mark in _MARKS):
            return text
        lone = _LONE.match(text)
        if lone and not any(mark in lone[1] for mark in (*_MARKS, "}}", "%}")):
            return self.expression(lone[1], scope, file, line)
        return self._guarded(lambda: self._rendered(self._text(text, file, line)), scope, file, line)

    def expression(self, text: str, scope: Scope, file: str, line: int) -> Any:
        """An expression's value, such as that of `when: facts.os.id == 'debian'`."""

        def evaluate() -> Any:
            if text not in self._expressions:
                check_fact_names(self._environment, "{{" + text + "}}", file, line)
                self._expressions[text] = self._environment.compile_expression(text.strip(), undefined_to_none=False)
            return as_data(self._expressions[text]())

        return self._guarded(evaluate, scope, file, line)

    def template(self, role: str, name: str, scope: Scope, file: str, line: int) -> str:
        """A template file, rendered; `file` and `line` are where it's asked for."""

        def rendered() -> str:
            return self._rendered(self._environment.get_template(f"{role}//{name}"))

        result: str = self._guarded(rendered, scope, file, line)
        return result

    def check(self, role: str, name: str, file: str, line: int) -> None:
        """Raises `TemplateError` for a template that is missing or can't be parsed."""
        self._guarded(lambda: self._environment.get_template(f"{role}//{name}"), None, file, line)

    def _text(self, text: str, file: str, line: int) -> jinja2.Template:
        if text not in self._texts:
            check_fact_names(self._environment, text, file, line)
            self._texts[text] = self._environment.from_string(text)
        return self._texts[text]

    def _rendered(self, template: jinja2.Template) -> str:
        text = self._environment.render(template)
        check_text(text)
        return text

    def _guarded(self, action: Callable[[], Any], scope: Scope | None, file: str, line: int) -> Any:
        meter = self._environment.meter
        outer = meter.begin(file, line)
        try:
            with self._environment.within(scope):
                return action()
        except CdconfError:
            raise
        except jinja2.TemplateSyntaxError as error:
            named = error.filename or error.name or "<"  # errors of Jinja2's lexer have the file as their name
            where = (file, line) if named.startswith("<") else (named, error.lineno)
            raise not_jinja(str(error.message), *where) from error
        except jinja2.TemplateNotFound as error:
            folders, missing = _folders(str(error.name))
            where = _place(error.__traceback__, self._root) or (file, line)
            raise no_template(missing, folders, scope, where) from None
        except MemoryError as error:
            found = _place(error.__traceback__, self._root)
            error.__traceback__ = None
            message = f"this takes more than {MEMORY >> 20} MiB of memory"
            meter.refuse((file, line), message)
            raise too_much(message, found or (file, line)) from None
        except RecursionError as error:
            found = _place(error.__traceback__, self._root)
            message = "this is nested too deeply, or refers to itself"
            raise TemplateError(message, file=(found or (file,))[0], line=found[1] if found else line) from None
        except Exception as error:  # noqa: BLE001  whatever an expression can raise is its author's to mend
            found = _place(error.__traceback__, self._root)
            raise explained(error, scope, *(found or (file, line))) from None
        finally:
            meter.end(outer)


def joined(template: str, parent: str) -> str:
    """An included template is looked for in the role of the one that includes it."""
    return f"{parent.partition('//')[0]}//{template}"


def places_of(name: str) -> tuple[str, ...]:
    """The files that a template's name may stand for, the first that's there wins; none leads out of its folder."""
    folders, relative = _folders(name)
    if relative.startswith("/") or ".." in relative.split("/"):
        return ()
    return tuple(f"{folder}/{relative}" for folder in folders)


def _folders(name: str) -> tuple[tuple[str, ...], str]:
    """Where a template is looked for, and its name there; `ROLE//NAME`, or `NAME` for a text's `include`."""
    role, mark, relative = name.partition("//")
    is_role = mark and "/" not in role and role not in ("", ".", "..")
    return ((f"roles/{role}/templates", "templates"), relative) if is_role else (("templates",), name)


def _place(trace: TracebackType | None, root: Path) -> tuple[str, int] | None:
    """The innermost template and line of a traceback; Jinja2 puts its templates into it."""
    found = None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(("roles/", "templates/")) and (root / name).is_file():
            found = (name, trace.tb_lineno)
        trace = trace.tb_next
    return found
