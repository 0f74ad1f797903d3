"""Why an expression or a template failed, in words that hold no secret."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jinja2

from cdconf.catalog.ansible_names import NAMES
from cdconf.catalog.filters import filter_names, test_names
from cdconf.catalog.jinja_scope import NoKey
from cdconf.errors import InvalidFile, TemplateError, did_you_mean
from cdconf.facts import path_of
from cdconf.other_words import foreign_hint, syntax_hint
from cdconf.yamlfile import kind_of

if TYPE_CHECKING:
    from cdconf.catalog.scope import Scope
    from cdconf.roles import Declared

LONGEST_MESSAGE = 500
_MORE = {"item": "each"}
_NOTHING = "templates read nothing of this machine: give it as a variable; `-e NAME=@FILE` takes a file's text"
_UNDEFINED = re.compile(r"'(\w+)' is undefined\Z")
_UNKNOWN = re.compile(r"No (filter|test) named '([^']*)'")
_UNSAID = "what it says isn't shown, since a secret was read before"


def explained(error: Exception, scope: Scope | None, file: str, line: int) -> TemplateError:
    """The error that users see.

    Args:
        error: What was raised while something was rendered.
        scope: Whose names could be read; None when nothing was.
        file: Where it happened.
        line: Where in the file.
    """
    message = _cut(str(error)) or type(error).__name__
    undefined = _UNDEFINED.match(message) if isinstance(error, jinja2.UndefinedError) else None
    if undefined and scope is not None:
        message = f"the variable '{undefined[1]}' is undefined"  # the name stands in the template
        ours = NAMES.get(undefined[1]) or _MORE.get(undefined[1])
        known = f"Ansible's name: here it's `{ours}`" if ours else did_you_mean(undefined[1], scope.names())
        known = _NOTHING if undefined[1] in ("lookup", "query") else known
        hint = known or "declare it in role.yml, or set it in group_vars"
        return TemplateError(message, file=file, line=line, hint=hint)
    if scope is not None and scope.has_read_a_secret:
        return TemplateError(f"this fails: {_kind(error)} ({_UNSAID})", file=file, line=line)
    members = None
    if isinstance(error, NoKey):
        path = path_of(scope.lookup("facts", {}), error.where) if scope is not None else None
        message = f"there is no fact '{error.key}'" if path == "facts" else f"{path or 'the map'} has no '{error.key}'"
        members = did_you_mean(str(error.key), map(str, error.where)) or _members(error.where)
    elif isinstance(error, jinja2.exceptions.SecurityError):
        message = f"templates may not do this: {message}"
    return TemplateError(scope.mask(message) if scope is not None else message, file=file, line=line, hint=members)


def not_jinja(problem: str, file: str, line: int) -> TemplateError:
    """The error for a text that Jinja2 can't compile; of a filter or test that isn't there, it lists those that are."""
    unknown = _UNKNOWN.match(problem)
    if unknown is None:
        return TemplateError(f"this isn't Jinja2: {problem}", file=file, line=line, hint=syntax_hint(problem))
    kind, name = unknown[1], unknown[2]
    names = sorted(filter_names() if kind == "filter" else test_names())
    hint = foreign_hint(name) or did_you_mean(name, names) or "docs/reference/templates.md explains them"
    detail = textwrap.fill(f"{kind}s: {', '.join(one for one in names if one.isidentifier())}", 100)
    return TemplateError(f"there is no {kind} '{name}'", file=file, line=line, hint=hint, detail=detail)


def no_template(name: str, folders: tuple[str, ...], scope: Scope | None, where: tuple[str, int]) -> TemplateError:
    """The error for a template that isn't there.

    Args:
        name: As it's looked for in the folders.
        folders: Where it's looked for.
        scope: Whose names could be read; None when nothing was.
        where: File and line of whoever asks for it.
    """
    unsaid = scope is not None and scope.has_read_a_secret
    message = f"there is no such template ({_UNSAID})" if unsaid else f"there is no template '{name}'"
    hint = f"it's looked for in {' and '.join(f'{folder}/' for folder in folders)}"
    return TemplateError(message, file=where[0], line=where[1], hint=hint)


def no_list(declared: Declared, given: object, is_secret: bool) -> InvalidFile:
    """The error of a `for_each` that goes over no list.

    Args:
        declared: The resource.
        given: What its `for_each` comes to.
        is_secret: Whether a secret is in that.
    """
    what = kind_of(given) if is_secret or not isinstance(given, str) else f"the text {given[:40]!r}"
    is_name = isinstance(declared.for_each, str) and declared.for_each.isidentifier()
    hint = f'the value of a variable is written "{{{{ {declared.for_each} }}}}"' if is_name else None
    return InvalidFile(f"'for_each' must be a list, not {what}", file=declared.file, line=declared.line, hint=hint)


def _kind(error: Exception) -> str:
    if isinstance(error, NoKey):
        return "a map has no such key"
    if isinstance(error, jinja2.UndefinedError):
        return "something is undefined"
    return type(error).__name__


def _cut(text: str) -> str:
    """Python's messages can hold a whole value."""
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def _members(where: Mapping[Any, Any]) -> str | None:
    names = sorted(map(str, where))
    return f"it has {', '.join(names[:12])}{', …' if len(names) > 12 else ''}" if names else "it's empty"
