"""Every key that role.yml may have besides the resource types' own: see `cdconf.inventory.keys`."""

from __future__ import annotations

from typing import Any

from cdconf.inventory.key import Key

VARIABLE_TYPES = ("string", "integer", "number", "boolean", "list", "map", "any")
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
    "map": (dict,),
    "any": (object,),
}
IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"

VARIABLE = {
    "type": Key(
        "text",
        "What its value must be.",
        default="any",
        choices=VARIABLE_TYPES,
        refusal="unknown type '{value}' of {what}",
    ),
    "default": Key("any", "Its value when no file sets it; without one, some file must."),
    "doc": Key("text", "One sentence about it."),
    "per_environment": Key("boolean", "A copy of an environment must set its own value.", default=False),
    "secret": Key(
        "any",
        "`true`: its value is a secret, set with `cdconf secret set`. `{generate: N}`: made once, N characters long, "
        "for an environment that a provider makes.",
    ),
}
ROLE = {
    "doc": Key("text", "What the role is for."),
    "variables": Key(
        "map", "Every variable that the role reads: typed, documented, checked.", member=Key("map", "", keys=VARIABLE)
    ),
    "resources": Key(
        "list", "What its hosts should have, in the order in which it's applied.", member=Key("any", "A resource.")
    ),
    "handlers": Key(
        "map", "What `notify` may name, throughout the project: a resource and an action.", member=Key("any", "")
    ),
}
# What every resource may have.
COMMON = {
    "when": Key("any", "An expression; the resource exists only on hosts for which it's true."),
    "for_each": Key("list", "The resource once for each member of a list, which is `each` in it."),
    "notify": Key("names", "Handlers that run at the end of the run if this changed."),
    "sensitive": Key("boolean", "Show no values of it, whatever they are.", default=False),
    "absent": Key("boolean", "It must not exist.", default=False),
}
# What every handler may have.
HANDLER = {
    "action": Key("text", "What is done; the type's own default if not given."),
    "when": Key("any", "An expression; the handler runs only on hosts for which it's true."),
    "sensitive": COMMON["sensitive"],
}


def fits(value: Any, kind: str) -> bool:
    """Whether a variable of a type, one of `VARIABLE_TYPES`, can have a value."""
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False
    return isinstance(value, _KINDS[kind])
