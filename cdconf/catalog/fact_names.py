"""Finds misspelt facts in templates and expressions when they're read, in branches that aren't taken, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes

from cdconf.errors import TemplateError, did_you_mean
from cdconf.facts import GROUPS, PATHS, below, group_for

if TYPE_CHECKING:
    import jinja2

# What people look for among the facts, and what would make every run differ from the last.
_VOLATILE = ("uptime", "date", "time", "now", "epoch", "load", "loadavg", "free", "memfree", "processes")
_METHODS = frozenset(dir(dict))


def check_fact_names(environment: jinja2.Environment, source: str, file: str, line: int | None = None) -> None:
    """Refuses `facts.NAME…` that no host can have.

    Args:
        environment: Parses the source.
        source: A template.
        file: Where it stands.
        line: Where it stands in the file; by default the template is the file.

    Raises:
        TemplateError: A fact is misspelt.
        jinja2.TemplateSyntaxError: It can't be parsed.
    """
    if "facts" not in source:
        return
    name = file if line is None else None  # errors have the file that they are in by it
    for one in environment.parse(source, name, name).find_all((nodes.Getattr, nodes.Getitem)):
        keys = _keys(one)
        if keys and keys[0] == "facts":
            _check(keys[1:], file, line or one.lineno)


def _keys(expression: nodes.Expr) -> list[str]:
    """`facts.mounts["/"].type` as its names; empty for what isn't a chain of constant names."""
    if isinstance(expression, nodes.Name):
        return [expression.name]
    if isinstance(expression, nodes.Getattr):
        key = expression.attr
    elif isinstance(expression, nodes.Getitem) and isinstance(expression.arg, nodes.Const):
        key = expression.arg.value
    else:
        return []
    above = _keys(expression.node)
    return [*above, key] if above and isinstance(key, str) else []


def _check(keys: list[str], file: str, line: int) -> None:
    if keys[0] == PATHS and len(keys) > 1 and keys[1] not in _METHODS and not keys[1].startswith("_"):
        try:
            group_for(keys[1])
        except ValueError as error:
            raise TemplateError(str(error), file=file, line=line) from None
    paths = [fact.keys for group in GROUPS for fact in group.facts]
    above = "facts"
    for depth, key in enumerate(keys):
        known = dict.fromkeys(path[depth] for path in paths if len(path) > depth)
        if not known or key in _METHODS or key.startswith("_"):
            return  # a method, or a text; names with an underscore are the sandbox's to refuse
        any_name = next((name for name in known if name.startswith("<")), None)
        if any_name is None and key not in known:
            message = f"{above} has no '{key}'" if depth else f"there is no fact '{key}'"
            hint = _volatile(key) if not depth else None
            hint = hint or did_you_mean(key, known) or (f"it has {', '.join(known)}" if depth else "see `cdconf facts`")
            raise TemplateError(message, file=file, line=line, hint=hint)
        paths = [path for path in paths if len(path) > depth and path[depth] == (any_name or key)]
        above = below(above, key)


def _volatile(key: str) -> str | None:
    words = key.lower().split("_")
    if any(word in _VOLATILE for word in words):
        return "what changes by itself (time, uptime, load, free memory) can't be a fact: every run would differ"
    return None
