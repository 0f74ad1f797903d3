"""The `flush` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="flush",
    purpose="Commands, checks and order",
    doc=(
        "Runs due handlers at this place instead of at the end of the run. Use it where later resources need "
        "the result, such as a restarted server before a database can use a new locale. A handler that fails "
        "ends the host's run and stays due. `plan` shows where handlers run."
    ),
    title="handler",
    fields={"handler": Field("string", "A handler's name, or a list of them.")},
    absent=False,
    titles_are_lists=True,
    example="flush: [restart shop]\n",
)
