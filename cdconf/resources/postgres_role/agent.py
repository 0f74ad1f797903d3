"""Observes and applies PostgreSQL roles."""

from cdconf.agent.system import postgres

QUERY = """
SELECT rolname, rolcanlogin AS login, rolsuper AS superuser, rolcreatedb AS createdb, rolcreaterole AS createrole,
       rolinherit AS inherit, rolreplication AS replication, rolbypassrls AS bypassrls,
       rolconnlimit AS connection_limit, rolpassword,
       CASE WHEN rolvaliduntil = 'infinity' THEN 'infinity'
            ELSE to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') END AS valid_until,
       ARRAY(SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = r.oid) AS member_of,
       (SELECT setconfig FROM pg_db_role_setting WHERE setrole = r.oid AND setdatabase = 0) AS settings
FROM pg_authid AS r
"""
FLAGS = (
    ("login", "LOGIN"),
    ("superuser", "SUPERUSER"),
    ("createdb", "CREATEDB"),
    ("createrole", "CREATEROLE"),
    ("inherit", "INHERIT"),
    ("replication", "REPLICATION"),
    ("bypassrls", "BYPASSRLS"),
)


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """Attributes, memberships and settings of each; one process for each server."""
    states = [None] * len(many)
    for port, numbers in postgres.by_port(many).items():
        known = {row["rolname"]: row for row in postgres.rows(QUERY, port)}
        for number in numbers:
            states[number] = _state(many[number], known.get(many[number]["name"]))
    return states


def _state(fields, row):
    """The role; the password is what's wanted if it fits the stored verifier."""
    if row is None:
        return None
    state = dict(row, member_of=sorted(set(row["member_of"])))
    if "password" in fields:
        stored = row["rolpassword"] or ""
        state["password"] = fields["password"] if postgres.fits(fields["password"], stored) else None
    if "settings" in fields:
        state["settings"] = postgres.settings(fields["settings"], row["settings"])
    return state


def apply(fields, difference):
    """See `apply_many`."""
    apply_many([(fields, difference)])


def apply_many(changes):
    """All changes of a server's roles are one transaction."""
    for port, numbers in postgres.by_port([fields for fields, _ in changes]).items():
        found = [statement for number in numbers for statement in statements(*changes[number])]
        postgres.execute(found, port, together=True)


def statements(fields, difference):
    """CREATE, ALTER or DROP ROLE, and what goes with it."""
    name = postgres.identifier(fields["name"])
    if difference.get("exists") == (True, False):
        return ["DROP ROLE {}".format(name)]
    found = []
    words = _attributes(fields, difference)
    if words or "exists" in difference:
        verb = "CREATE" if "exists" in difference else "ALTER"
        found.append("{} ROLE {}{}".format(verb, name, " WITH " + " ".join(words) if words else ""))
    if "member_of" in difference:
        found += _memberships(name, *difference["member_of"])
    if "settings" in difference:
        old = difference["settings"][0] or {}
        changed = [pair for pair in fields["settings"].items() if old.get(pair[0]) != pair[1]]
        found += ["ALTER ROLE {} {}".format(name, postgres.setting(*pair)) for pair in sorted(changed)]
    return found


def _attributes(fields, difference):
    words = [word if fields[field] else "NO" + word for field, word in FLAGS if field in difference]
    if "connection_limit" in difference:
        words.append("CONNECTION LIMIT {:d}".format(fields["connection_limit"]))
    if "valid_until" in difference:
        until = fields["valid_until"]
        words.append("VALID UNTIL {}".format(postgres.literal(until if until == "infinity" else until + "+00")))
    if "password" in difference:
        words.append("PASSWORD {}".format(postgres.literal(postgres.verifier(fields["password"]))))
    return words


def _memberships(name, old, new):
    gone, come = sorted(set(old or []) - set(new)), sorted(set(new) - set(old or []))
    found = ["REVOKE {} FROM {}".format(postgres.identifier(group), name) for group in gone]
    return found + ["GRANT {} TO {}".format(postgres.identifier(group), name) for group in come]
