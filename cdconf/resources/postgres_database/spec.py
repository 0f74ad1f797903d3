"""The `postgres_database` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="postgres_database",
    doc="A database of the host's PostgreSQL server. `absent` drops it with all its data, so it needs `force` too.",
    title="name",
    fields={
        "name": Field("string", "The database."),
        "owner": Field("string", "The role that owns it."),
        "encoding": Field("string", "Its encoding, set when it's made.", default="UTF8"),
        "force": Field("boolean", "With `absent`: really drop the data.", compare=False),
    },
    example="postgres_database: shop\nowner: shop\n",
)
