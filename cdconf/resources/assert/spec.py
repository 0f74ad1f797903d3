"""The `assert` type."""

from cdconf.resources.spec import Context, Field, Fields, ResourceType


def _normalise(fields: Fields, context: Context) -> Fields:
    """Evaluated while the catalog is compiled, so that a host that doesn't fit isn't touched at all."""
    if not context.condition(fields["condition"]):
        raise context.error(fields.get("message") or f"this doesn't hold: {fields['condition']}")
    return {"condition": fields["condition"]}


TYPE = ResourceType(
    name="assert",
    purpose="Commands, checks and order",
    doc=(
        "A condition that must hold, such as on facts or variables. It's evaluated before anything is "
        "changed on the host. If it's false, the host fails with the message, and nothing of its catalog is "
        "applied."
    ),
    title="condition",
    fields={
        "condition": Field("string", "A Jinja2 expression without braces, as in `when`."),
        "message": Field("string", "The error message: what's wrong, and what to do.", compare=False),
    },
    absent=False,
    normalise=_normalise,
    example="assert: facts.memory_mb >= 128\nmessage: this role needs 128 MB of memory\n",
)
