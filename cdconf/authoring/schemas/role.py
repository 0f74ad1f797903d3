"""The schema of role.yml, with every resource type that there is."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from cdconf.authoring.schemas.keyed import mapping, value
from cdconf.authoring.schemas.templated import TEMPLATE, TEMPLATE_REF, templated
from cdconf.resources.spec import REQUIRED
from cdconf.roles import keys

if TYPE_CHECKING:
    from cdconf.resources.spec import Field, ResourceType

_CHANGE = "[ugoa]*[-+=][rwxXst]*"
_KINDS: dict[str, dict[str, Any]] = {
    "string": {"type": ["string", "number"]},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "mode": {"type": "string", "pattern": "^[0-7]{3,4}$"},
    "changes of a mode": {"type": "string", "pattern": f"^([0-7]{{3,4}}|{_CHANGE}(,{_CHANGE})*)$"},
    "path": {"type": "string", "pattern": "^/"},
    "list": {"anyOf": [{"type": "string"}, {"type": "array"}]},
    "map": {"type": "object"},
    "any": {},
}


def schema(types: Mapping[str, ResourceType]) -> dict[str, Any]:
    """The schema of role.yml."""
    result = mapping("A role: what its hosts should have.", keys.ROLE)
    properties = result["properties"]
    properties["resources"]["items"] = {"$ref": "#/$defs/resource"}
    properties["handlers"]["additionalProperties"] = {"$ref": "#/$defs/handler"}
    properties["variables"] |= {
        "propertyNames": {"pattern": keys.IDENTIFIER},
        "additionalProperties": _variable(),
    }
    acting = {name: kind for name, kind in types.items() if kind.actions}
    result["$defs"] = {
        "template": TEMPLATE,
        "resource": _one_of_types(types, "resource"),
        "handler": _one_of_types(acting, "handler"),
        **{f"resource-{name}": _resource(kind) for name, kind in types.items()},
        **{f"handler-{name}": _handler(kind) for name, kind in acting.items()},
    }
    return result


def _variable() -> dict[str, Any]:
    """A secret has no default; everything else is in the table of keys."""
    result = mapping("A variable.", keys.VARIABLE)
    length = {"type": "integer", "minimum": 8, "maximum": 1024}
    generate = {
        "type": "object",
        "properties": {"generate": length},
        "required": ["generate"],
        "additionalProperties": False,
    }
    result["properties"]["secret"] |= {"anyOf": [{"type": "boolean"}, generate]}
    secret = {"properties": {"secret": {"not": {"const": False}}}, "required": ["secret"]}
    result |= {"if": secret, "then": {"not": {"required": ["default"]}}}
    return result


def _one_of_types(types: Mapping[str, ResourceType], what: str) -> dict[str, Any]:
    """Chooses the type by its key, so that an editor complains about one type and not about all.

    The first key names the type, but a schema knows no order: where one type's name is a field of another
    (`group` of `user`), the other one is meant; where that holds both ways, either will do.
    """
    choices: list[dict[str, Any]] = []
    for name in types:
        owners = [other for other in types if other != name and name in types[other].fields]
        condition: dict[str, Any] = {"required": [name]}
        if owners:
            condition["not"] = {"anyOf": [{"required": [owner]} for owner in owners]}
        choices.append({"if": condition, "then": _ref(what, name)})
    choices += [
        {"if": {"required": [one, other]}, "then": {"anyOf": [_ref(what, one), _ref(what, other)]}}
        for one, other in combinations(types, 2)
        if one in types[other].fields and other in types[one].fields
    ]
    return {"type": "object", "anyOf": [{"required": [name]} for name in types], "allOf": choices}


def _ref(what: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{what}-{name}"}


def _resource(kind: ResourceType) -> dict[str, Any]:
    common = {name: value(key) for name, key in keys.COMMON.items() if name != "absent" or kind.absent}
    common["when"] |= {"type": ["boolean", "string"]}
    common["for_each"] = templated(common["for_each"])
    result = _typed(kind, common)
    rules: list[dict[str, Any]] = [
        {"not": {"required": list(pair)}} for group in kind.exclusive for pair in combinations(group, 2)
    ]
    if kind.guards:
        rules.append({"anyOf": [{"required": [guard]} for guard in kind.guards]})
    if kind.required:
        removed = {"required": ["absent"], "properties": {"absent": {"const": True}}}
        rules.append({"anyOf": [{"required": list(kind.required)}, *([removed] if kind.absent else [])]})
    if rules:
        result["allOf"] = rules
    return result


def _handler(kind: ResourceType) -> dict[str, Any]:
    actions = "; ".join(f"{name}: {doc}" for name, doc in kind.actions.items())
    action: dict[str, Any] = {"enum": list(kind.actions), "description": f"What is done. {actions}."}
    if kind.default_action:
        action["default"] = kind.default_action
    common = {name: value(key) for name, key in keys.HANDLER.items()}
    common["when"] |= {"type": ["boolean", "string"]}
    return _typed(kind, {**common, "action": action})


def _typed(kind: ResourceType, common: dict[str, Any]) -> dict[str, Any]:
    title = _title(kind)
    fields = {name: _field(field) for name, field in kind.fields.items() if name not in (kind.title, kind.name)}
    return {
        "type": "object",
        "description": kind.doc,
        "properties": {kind.name: title, **common, **fields},
        "required": [kind.name],
        "additionalProperties": False,
    }


def _title(kind: ResourceType) -> dict[str, Any]:
    field = kind.fields[kind.title]
    one: dict[str, Any] = _KINDS["path"] if field.kind == "path" else {"type": "string", "minLength": 1}
    one = {**one, "description": field.doc}
    return {"anyOf": [one, {"type": "array", "items": one}, TEMPLATE_REF]} if kind.titles_are_lists else templated(one)


def _field(field: Field) -> dict[str, Any]:
    kind = "changes of a mode" if field.relative else field.kind
    schema = {"enum": list(field.choices)} if field.choices else _KINDS[kind]
    result = {**templated(schema), "description": field.doc}
    if field.default is not None and field.default is not REQUIRED:
        result["default"] = field.default
    return result
