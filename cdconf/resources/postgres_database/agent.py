"""Observes and applies PostgreSQL databases."""

from cdconf.agent import postgres
from cdconf.agent.base import Failed

QUERY = (
    "SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database WHERE NOT datistemplate"
)


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """Owner and encoding of each; None for a database that doesn't exist."""
    rows = {row[0]: {"owner": row[1], "encoding": row[2]} for row in postgres.query(QUERY)}
    return [rows.get(fields["name"]) for fields in many]


def apply(fields, difference):
    """CREATE, ALTER or DROP DATABASE."""
    name = postgres.identifier(fields["name"])
    if difference.get("exists") == (True, False):
        if not fields.get("force"):
            raise Failed("dropping a database loses its data; `force: true` really does it")
        postgres.execute("DROP DATABASE {}".format(name))
    elif "exists" in difference:
        owner = " OWNER {}".format(postgres.identifier(fields["owner"])) if "owner" in fields else ""
        encoding = postgres.literal(fields["encoding"])
        postgres.execute("CREATE DATABASE {}{} ENCODING {} TEMPLATE template0".format(name, owner, encoding))
    elif "encoding" in difference:
        raise Failed("the encoding of an existing database can't be changed; dump it and make it anew")
    else:
        postgres.execute("ALTER DATABASE {} OWNER TO {}".format(name, postgres.identifier(fields["owner"])))
