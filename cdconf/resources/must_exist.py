"""The field of types that can give owner and mode to what's there, without ever making it."""

from __future__ import annotations

from cdconf.resources.spec import Context, Field, Fields

MUST_EXIST = Field(
    "boolean",
    "Never create it; only give it owner, group and mode. `true`: if it's missing, the resource fails. `false`: if "
    "it's missing, there is nothing to do.",
    compare=False,
)


def check_must_exist(fields: Fields, creating: tuple[str, ...], context: Context) -> None:
    """Refuses `must_exist` beside what would create or remove.

    Args:
        fields: The resource's fields.
        creating: The names of the type's fields that say what's to be there.
        context: The compiler's.
    """
    if "must_exist" not in fields:
        return
    other = next((name for name in creating if fields.get(name)), "absent" if fields["absent"] else None)
    if other is not None:
        raise context.error(f"'must_exist' and '{other}' exclude each other")
    if not {"owner", "group", "mode", "file_mode"} & set(fields):
        raise context.error("'must_exist' needs an owner, a group or a mode")
