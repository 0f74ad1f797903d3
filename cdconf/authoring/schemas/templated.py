"""Values that may be written as Jinja2, which only rendering turns into what they must be."""

from __future__ import annotations

from typing import Any

TEMPLATE: dict[str, Any] = {
    "type": "string",
    "pattern": r"\{\{|\{%",
    "description": "A Jinja2 expression, such as {{ name }}.",
}
TEMPLATE_REF = {"$ref": "#/$defs/template"}


def templated(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, or a text that holds an expression. The schema that uses it must define `template`."""
    if not schema or schema == {"type": "string"}:
        return schema
    return {"anyOf": [schema, TEMPLATE_REF]}
