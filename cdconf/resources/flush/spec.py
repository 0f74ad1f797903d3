"""The `flush` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="flush",
    doc=(
        "Runs handlers here, if they're due, rather than at the end of the run: where what follows needs them, such as "
        "a server that must be restarted before a database can use a new locale. One that fails ends the run and stays "
        "due. `plan` shows where handlers run."
    ),
    title="handler",
    fields={"handler": Field("string", "A handler's name, or a list of them.")},
    absent=False,
    titles_are_lists=True,
    example="flush: [restart shop]\n",
)
