"""Reads roles/NAME/role.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.inventory.section import Section
from cdconf.inventory.variables import RESERVED
from cdconf.other_words import type_hint
from cdconf.roles import keys
from cdconf.roles.model import Declared, Role, Variable
from cdconf.yamlfile import YamlMap, check_keys, expect, load, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.inventory import Project
    from cdconf.resources.spec import ResourceType

# Jinja2's own words, which no expression can read as a variable.
_WORDS = ("true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else")


def load_role(project: Project, name: str, types: Mapping[str, ResourceType]) -> Role:
    """Reads a role.

    Args:
        project: Where `roles/` is.
        name: The role.
        types: The resource types that there are.

    Raises:
        InvalidFile: role.yml breaks a rule.
    """
    folder = project.root / "roles" / name
    top = load(folder / "role.yml", project.root)
    found = Section(top, keys.ROLE, "role.yml")
    variables, resources, handlers = found["variables"], found["resources"], found["handlers"]
    return Role(
        name=name,
        folder=folder,
        variables={variable: _variable(variable, variables) for variable in variables},
        resources=tuple(_declared(resource, top, types, handler=None) for resource in resources),
        handlers={handler: _declared(handlers[handler], handlers, types, handler=handler) for handler in handlers},
    )


def _variable(name: str, section: YamlMap) -> Variable:
    what = f"variable '{name}'"
    if not name.isidentifier() or name in (*RESERVED, *_WORDS):
        raise section.error(f"'{name}' can't be a variable's name", name, "use letters, digits and _")
    entry = expect(section, name, dict, "variables")
    given = Section(entry, keys.VARIABLE, what)
    kind = given.get("type", "string" if "secret" in entry else "any")
    default = entry.get("default")
    if "default" in entry and not keys.fits(default, kind) and not (isinstance(default, str) and "{" in default):
        raise entry.error(f"the default of {what} must be of type {kind}, but is {shown(default)}", "default")
    generate = None
    if isinstance(entry.get("secret"), dict):
        check_keys(entry["secret"], ["generate"], f"secret of {what}")
        generate = expect(entry["secret"], "generate", int, f"secret of {what}")
        if not 8 <= generate <= 1024:
            raise entry["secret"].error("a generated secret has 8 to 1024 characters", "generate")
    elif entry.get("secret") not in (None, True, False):
        raise entry.error(f"'secret' of {what} must be true or {{generate: N}}", "secret")
    if entry.get("secret") and "default" in entry:
        raise entry.error(f"{what} is a secret, so it can't have a default in a file", "default")
    file, line = section.where(name)
    return Variable(
        name=name,
        type=kind,
        default=entry.get("default"),
        required="default" not in entry,
        doc=given["doc"] or "",
        per_environment=given["per_environment"],
        secret=bool(entry.get("secret")),
        generate=generate,
        file=file,
        line=line,
    )


def _declared(entry: Any, parent: YamlMap, types: Mapping[str, ResourceType], handler: str | None) -> Declared:
    what = f"handler '{handler}'" if handler else "each resource"
    if not isinstance(entry, YamlMap) or not entry:
        raise parent.error(f"{what} must be a mapping that begins with its type", handler or "resources")
    name = next(iter(entry))
    if name not in types:
        raise entry.error(f"unknown resource type '{name}'", name, type_hint(name, types))
    kind = types[name]
    _check_keys(types, entry, name, handler)
    file, line = entry.where(name)
    action = expect(entry, "action", str, what, kind.default_action) if handler else None
    if handler and action not in kind.actions:
        known = ", ".join(kind.actions) or "none: this type can't be a handler"
        raise entry.error(f"unknown action '{action}' of {name}", "action", f"actions: {known}")
    fields = YamlMap({key: value for key, value in entry.items() if key in kind.fields and key != name}, file=file)
    fields.line, fields.lines = entry.line, entry.lines
    return Declared(
        type=name,
        title=entry[name],
        fields=fields,
        file=file,
        line=line,
        when=entry.get("when"),
        for_each=entry.get("for_each"),
        notify=_notify(entry),
        sensitive=expect(entry, "sensitive", bool, what, False),
        absent=expect(entry, "absent", bool, what, False),
        action=action,
    )


def _check_keys(types: Mapping[str, ResourceType], entry: YamlMap, name: str, handler: str | None) -> None:
    kind = types[name]
    common = tuple(keys.HANDLER if handler else keys.COMMON)
    for key in entry:
        if key not in kind.fields and key not in common and key != name:
            if handler and key == "notify":
                raise entry.error("a handler can't notify another one", key, "list both in the resource's `notify`")
            message, hint = kind.unknown_field(key, str(entry[name]), common)
            if key in types:
                hint = f"'{key}' is a resource type: is the `- ` in front of it missing?"
            raise entry.error(message, key, hint)
    if kind.name == "flush" and "notify" in entry:
        raise entry.error("flush runs handlers, and can't notify any", "notify")
    if entry.get("absent") and not kind.absent:
        raise entry.error(f"resource {name} '{entry[name]}' can't be absent", "absent")
    missing = [field for field in kind.required if field not in entry]
    if missing and not handler and not entry.get("absent"):
        wanted = f"add `{missing[0]}:`: {kind.fields[missing[0]].doc}"
        raise entry.error(f"{name} '{entry[name]}' has no '{missing[0]}'", name, wanted)
    if not handler and kind.guards and not any(guard in entry for guard in kind.guards):
        raise entry.error(
            f"{name} '{entry[name]}' has no guard, so every run would repeat it",
            name,
            f"add {' or '.join(f'`{guard}:`' for guard in kind.guards)}, or make it a handler",
        )


def _notify(entry: YamlMap) -> tuple[str, ...]:
    value = entry.get("notify", [])
    members = [value] if isinstance(value, str) else value
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        raise entry.error("'notify' must be a handler's name, or a list of them", "notify")
    return tuple(members)
