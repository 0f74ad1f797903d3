"""Observes and applies PostgreSQL databases."""

from cdconf.agent.errors import Failed
from cdconf.agent.system import postgres

QUERY = """
SELECT datname, pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding, datcollate AS collate,
       datctype AS ctype, datconnlimit AS connection_limit,
       (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid AND setrole = 0) AS settings,
       current_setting('server_version_num')::int AS server
FROM pg_database AS d WHERE NOT datistemplate
"""
EXTENSIONS = "SELECT extname FROM pg_extension"
FIXED = ("encoding", "collate", "ctype")


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """Owner, settings and extensions of each; None for a database that doesn't exist."""
    states = [None] * len(many)
    for port, numbers in postgres.by_port(many).items():
        known = {row["datname"]: row for row in postgres.rows(QUERY, port)}
        asked = [many[number]["name"] for number in numbers if "extensions" in many[number]]
        inside = [name for name in dict.fromkeys(asked) if name in known]
        extensions = postgres.rows_in(inside, EXTENSIONS, port) if inside else {}
        for number in numbers:
            name = many[number]["name"]
            states[number] = _state(many[number], known.get(name), extensions.get(name, []))
    return states


def _state(fields, row, extensions):
    if row is None:
        return None
    state = dict(row)
    for name in ("collate", "ctype"):
        if name in fields and _locale(fields[name]) == _locale(row[name]):
            state[name] = fields[name]
    if "settings" in fields:
        state["settings"] = postgres.settings(fields["settings"], row["settings"])
    if "extensions" in fields:
        there = {extension["extname"] for extension in extensions}
        state["extensions"] = [name for name in fields["extensions"] if name in there]
    return state


def _locale(name):
    """C.UTF-8 and C.utf8 are the same."""
    return name.lower().replace("-", "")


def apply(fields, difference):
    """See `apply_many`."""
    apply_many([(fields, difference)])


def apply_many(changes):
    """One process for all databases of a server; databases can't be made in a transaction."""
    for port, numbers in postgres.by_port([fields for fields, _ in changes]).items():
        found = []
        for number in numbers:
            fields, difference = changes[number]
            force = _force(port) if difference.get("exists") == (True, False) and fields.get("force") else ""
            found += statements(fields, difference, force)
        postgres.execute(found, port)


def _force(port):
    """What ends the sessions of a database that's dropped, where the server can (13 and later)."""
    rows = postgres.rows("SELECT current_setting('server_version_num')::int AS version", port)
    return " WITH (FORCE)" if rows[0]["version"] >= 130000 else ""


def statements(fields, difference, force=""):
    """CREATE, ALTER or DROP DATABASE, and what goes with it."""
    name = postgres.identifier(fields["name"])
    if difference.get("exists") == (True, False):
        if not fields.get("force"):
            raise Failed("dropping a database loses its data; `force: true` really does it")
        return ["DROP DATABASE {}{}".format(name, force)]
    if "exists" in difference:
        found = [_create(name, fields)]
    else:
        fixed = [one for one in FIXED if one in difference]
        if fixed:
            raise Failed("the {} of an existing database can't be changed; dump it and make it anew".format(fixed[0]))
        found = []
        if "owner" in difference:
            found.append("ALTER DATABASE {} OWNER TO {}".format(name, postgres.identifier(fields["owner"])))
        if "connection_limit" in difference:
            found.append("ALTER DATABASE {} CONNECTION LIMIT {:d}".format(name, fields["connection_limit"]))
    if "settings" in difference:
        old = difference["settings"][0] or {}
        changed = [pair for pair in fields["settings"].items() if old.get(pair[0]) != pair[1]]
        found += ["ALTER DATABASE {} {}".format(name, postgres.setting(*pair)) for pair in sorted(changed)]
    missing = (
        [one for one in fields.get("extensions", []) if one not in (difference["extensions"][0] or [])]
        if "extensions" in difference
        else []
    )
    if missing:
        found.append(postgres.connect(fields["name"]))
        found += ["CREATE EXTENSION IF NOT EXISTS {}".format(postgres.identifier(one)) for one in missing]
        found.append(postgres.connect("postgres"))
    return found


def _create(name, fields):
    words = ["CREATE DATABASE", name]
    if "owner" in fields:
        words += ["OWNER", postgres.identifier(fields["owner"])]
    words += ["ENCODING", postgres.literal(fields["encoding"])]
    for field, word in (("collate", "LC_COLLATE"), ("ctype", "LC_CTYPE")):
        if field in fields:
            words += [word, postgres.literal(fields[field])]
    if "connection_limit" in fields:
        words.append("CONNECTION LIMIT {:d}".format(fields["connection_limit"]))
    # template1 may have another encoding, or whatever someone put into it.
    return " ".join(words + ["TEMPLATE", postgres.identifier(fields.get("template", "template0"))])
