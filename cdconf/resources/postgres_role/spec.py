"""The `postgres_role` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="postgres_role",
    doc=(
        "A role of the host's PostgreSQL server, managed as its user postgres. The password is sent as a "
        "SCRAM-SHA-256 verifier, so that it's in no log of the server."
    ),
    title="name",
    fields={
        "name": Field("string", "The role."),
        "password": Field("string", "Its password.", sensitive=True),
        "login": Field("boolean", "May log in.", default=True),
        "superuser": Field("boolean", "May do everything."),
        "createdb": Field("boolean", "May create databases."),
        "replication": Field("boolean", "May replicate."),
        "connection_limit": Field("integer", "How many connections it may have; -1 for any number."),
    },
    example='postgres_role: shop\npassword: "{{ shop_db_password }}"\n',
)
