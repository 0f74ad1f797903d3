"""Observes, grants and revokes privileges of PostgreSQL's roles."""

from cdconf.agent.errors import Missing
from cdconf.agent.system import postgres

KNOWN = """
SELECT {0} = 'public' OR EXISTS (SELECT FROM pg_roles WHERE rolname = {0}) AS role,
       EXISTS (SELECT FROM pg_database WHERE datname = {1} AND datallowconn) AS database,
       {2}::text IS NULL OR EXISTS (SELECT FROM pg_roles WHERE rolname = {2}) AS new_by
"""
# name, and what the role may do with it; `grantee` 0 is everybody.
FOUND = """
SELECT o.name, a.privilege_type AS privilege, a.is_grantable AS grantable FROM ({}) AS o
LEFT JOIN LATERAL aclexplode(o.acl) AS a
  ON a.grantee = coalesce((SELECT oid FROM pg_roles WHERE rolname = {} AND rolname <> 'public'), 0)
"""
DATABASE = "SELECT '' AS name, coalesce(datacl, acldefault('d', datdba)) AS acl FROM pg_database WHERE datname = {2}"
SCHEMA = "SELECT '' AS name, coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM pg_namespace WHERE nspname = {2}"
# The row without a name is of what a role makes from now on; it's there where the schema is.
OBJECTS = """
SELECT relname AS name, coalesce(relacl, acldefault('{0}', relowner)) AS acl
FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname = {2} AND relkind IN ({1})
UNION ALL SELECT NULL, (
  SELECT defaclacl FROM pg_default_acl WHERE defaclnamespace = n.oid AND defaclobjtype = '{3}'
  AND defaclrole = (SELECT oid FROM pg_roles WHERE rolname = {4})
) FROM pg_namespace AS n WHERE nspname = {2}
"""
LETTERS = {"table": ("r", "'r', 'v', 'm', 'f', 'p'", "r"), "sequence": ("s", "'S'", "S")}


def observe(fields):
    """The privileges that the role has on all of the objects; those of each that differs."""
    found = _found(fields)
    if fields.get("absent"):
        return {} if any(found.values()) else None
    wanted = fields["privileges"]
    state = {"privileges": wanted}
    wrong = {name: sorted(have) for name, have in found.items() if sorted(have) != wanted}
    if wrong and len(found) == 1:
        (state["privileges"],) = wrong.values()
    elif wrong:
        shown = [
            "{}: {}".format("new ones" if name is None else name, " ".join(wrong[name]) or "none") for name in wrong
        ]
        state["privileges"] = sorted(shown)
    pass_on = fields.get("grant_option", False)
    differs = any(one != pass_on for have in found.values() for one in have.values())
    state["grant_option"] = differs != pass_on
    return state


def _found(fields):
    """`{object's name: {privilege: whether the role may pass it on}}`; None is the name of what's made from now on."""
    port, kind, literal = fields.get("port"), fields["kind"], postgres.literal
    by = literal(fields["new_by"]) if "new_by" in fields else "NULL"
    (known,) = postgres.rows(KNOWN.format(literal(fields["role"]), literal(fields["database"]), by), port)
    for name in ("role", "database", "new_by"):
        if not known[name]:
            raise Missing("role" if name == "new_by" else name, fields[name])
    default, kinds, letter = LETTERS.get(kind, ("", "", ""))
    sql = {"database": DATABASE, "schema": SCHEMA}.get(kind, OBJECTS)
    name = literal(fields["database"] if kind == "database" else fields["schema"])
    sql = sql.format(default, kinds, name, letter, by)
    rows = postgres.rows_in([fields["database"]], FOUND.format(sql, literal(fields["role"])), port)
    return _chosen(fields, rows[fields["database"]])


def _chosen(fields, rows):
    kind, found = fields["kind"], {}
    for row in rows:
        have = found.setdefault(row["name"], {})
        # MAINTAIN came with PostgreSQL 17: it's none of the business of who doesn't ask for it.
        if row["privilege"] and (row["privilege"] != "MAINTAIN" or "MAINTAIN" in fields.get("privileges", ())):
            have[row["privilege"]] = row["grantable"]
    if not found:
        raise Missing("schema", fields["schema"])
    if "new_by" not in fields:
        found.pop(None, None)
    name = fields[kind] if kind in LETTERS else "*"
    if name == "*":
        return found
    if name not in found:
        raise Missing(kind, "{}.{}".format(fields["schema"], name))
    return {one: have for one, have in found.items() if one in (None, name)}


def apply(fields, difference):
    """One transaction; a role's privileges on what's right already aren't touched."""
    changes = [statement for name, have in _found(fields).items() for statement in statements(fields, name, have)]
    script = [postgres.connect(fields["database"]), "BEGIN"] + changes + ["COMMIT"]
    postgres.execute(script, fields.get("port"))


def statements(fields, name, have):
    """What one object needs.

    Args:
        fields: The resource's.
        name: The object's; None: what `new_by` makes from now on.
        have: `{privilege: whether it can be passed on}`.
    """
    wanted, pass_on = [] if fields.get("absent") else fields["privileges"], fields.get("grant_option")
    role = "PUBLIC" if fields["role"] == "public" else postgres.identifier(fields["role"])
    place, prefix = _place(fields, name)
    lacking = [one for one in wanted if one not in have or (pass_on and not have[one])]
    bound = [one for one in wanted if have.get(one) and pass_on is False]
    surplus = [one for one in have if one not in wanted]
    found = []
    if surplus:
        found.append("{}REVOKE {} ON {} FROM {} CASCADE".format(prefix, ", ".join(surplus), place, role))
    if bound:
        text = "{}REVOKE GRANT OPTION FOR {} ON {} FROM {} CASCADE"
        found.append(text.format(prefix, ", ".join(bound), place, role))
    if lacking:
        option = " WITH GRANT OPTION" if pass_on else ""
        found.append("{}GRANT {} ON {} TO {}{}".format(prefix, ", ".join(lacking), place, role, option))
    return found


def _place(fields, name):
    kind, quoted = fields["kind"], postgres.identifier
    if name is None:
        prefix = "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} ".format(
            quoted(fields["new_by"]), quoted(fields["schema"])
        )
        return kind.upper() + "S", prefix
    own = quoted(fields[kind]) if kind in ("database", "schema") else quoted(fields["schema"]) + "." + quoted(name)
    return kind.upper() + " " + own, ""
