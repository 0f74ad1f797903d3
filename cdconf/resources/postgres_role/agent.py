"""Observes and applies PostgreSQL roles."""

from cdconf.agent import postgres

QUERY = (
    "SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolreplication, rolconnlimit, coalesce(rolpassword, '') "
    "FROM pg_authid"
)
FLAGS = (("login", "LOGIN"), ("superuser", "SUPERUSER"), ("createdb", "CREATEDB"), ("replication", "REPLICATION"))


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """Attributes of each; the password is what's wanted if it fits the stored verifier."""
    rows = {row[0]: row for row in postgres.query(QUERY)}
    return [_state(fields, rows.get(fields["name"])) for fields in many]


def _state(fields, row):
    if row is None:
        return None
    state = {name: value == "t" for (name, _), value in zip(FLAGS, row[1:5])}
    state["connection_limit"] = int(row[5])
    if "password" in fields:
        state["password"] = fields["password"] if postgres.fits(fields["password"], row[6]) else None
    return state


def apply(fields, difference):
    """CREATE, ALTER or DROP ROLE."""
    name = postgres.identifier(fields["name"])
    if difference.get("exists") == (True, False):
        postgres.execute("DROP ROLE {}".format(name))
        return
    parts = []
    for field, word in FLAGS:
        if field in difference:
            parts.append(word if fields[field] else "NO" + word)
    if "connection_limit" in difference:
        parts.append("CONNECTION LIMIT {}".format(int(fields["connection_limit"])))
    if "password" in difference:
        parts.append("PASSWORD {}".format(postgres.literal(postgres.verifier(fields["password"]))))
    verb = "CREATE" if "exists" in difference else "ALTER"
    postgres.execute("{} ROLE {} WITH {}".format(verb, name, " ".join(parts)))
