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
    "default": Key("any", "The value if no file sets one. Without a default, a file must set the variable."),
    "doc": Key("text", "One sentence that describes the variable."),
    "per_environment": Key("boolean", "Whether a copy of an environment must set its own value.", default=False),
    "secret": Key(
        "any",
        "`true`: the value is a secret, set with `cdconf secret set`. `{generate: N}`: in an environment "
        "that a provider makes, cdconf generates the value once, with N characters.",
    ),
}
ROLE = {
    "doc": Key("text", "What the role is for."),
    "variables": Key(
        "map",
        "Every variable that the role reads, with its type and description.",
        member=Key("map", "", keys=VARIABLE),
    ),
    "resources": Key(
        "list", "The role's resources, in the order in which they are applied.", member=Key("any", "A resource.")
    ),
    "handlers": Key(
        "map",
        "The handlers that `notify` may name anywhere in the project: name -> a resource and an action.",
        member=Key("any", ""),
    ),
}
# Keys of every resource.
COMMON = {
    "when": Key("any", "An expression; the resource applies only to hosts for which it's true."),
    "for_each": Key(
        "list", "A list. The resource is declared once for each member; in its texts the member is named `each`."
    ),
    "notify": Key("names", "Handlers that run at the end of the run if this resource changed."),
    "sensitive": Key("boolean", "Hide all of its values in output.", default=False),
    "absent": Key("boolean", "`true`: the resource must not exist; it is removed.", default=False),
}
# What every handler may have.
HANDLER = {
    "action": Key("text", "The action to run; the type's default action if not given."),
    "when": Key("any", "An expression; the handler runs only on hosts for which it's true."),
    "sensitive": COMMON["sensitive"],
}


def fits(value: Any, kind: str) -> bool:
    """Whether a variable of a type, one of `VARIABLE_TYPES`, can have a value."""
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False
    return isinstance(value, _KINDS[kind])
