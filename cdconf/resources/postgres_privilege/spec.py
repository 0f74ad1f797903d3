"""The `postgres_privilege` type."""

from __future__ import annotations

from cdconf.resources.spec import REQUIRED, Context, Field, Fields, ResourceType

# GRANT's own words for each kind of object; TEMP and ALL are short for others.
KINDS = {
    "database": ("CONNECT", "CREATE", "TEMPORARY"),
    "schema": ("CREATE", "USAGE"),
    "tables": ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"),
    "sequences": ("SELECT", "UPDATE", "USAGE"),
}
_NEWER = {"tables": ("MAINTAIN",)}  # of PostgreSQL 17, which ALL doesn't mean here


def _normalise(fields: Fields, context: Context) -> Fields:
    """`kind` is added; privileges are upper case, sorted."""
    for name in ("role", "database", "schema", "new_by"):
        text = fields.get(name, "x")
        if not text or "\0" in text or len(text.encode()) > 63:
            raise context.error(f"'{name}' can't be '{text}'", "it has at most 63 bytes")
    if "database" not in fields:
        raise context.error("a privilege needs its `database`")
    fields["kind"] = kind = next((one for one in ("tables", "sequences", "schema") if one in fields), "database")
    if kind in _LISTS:
        fields.setdefault("schema", "public")
        fields[kind] = _objects(kind, fields[kind], context)
    elif "new_by" in fields:
        raise context.error("'new_by' needs `tables` or `sequences`")
    if fields["absent"]:
        return {name: value for name, value in fields.items() if name not in ("privileges", "grant_option")}
    fields["privileges"] = _privileges(kind, fields["privileges"], context)
    return fields


_LISTS = ("tables", "sequences")


def _objects(kind: str, names: list[str], context: Context) -> list[str]:
    if not names or ("*" in names and len(names) > 1):
        raise context.error(f"'{kind}' must be some names, or * alone for all that there are")
    return sorted(set(names))


def _privileges(kind: str, given: list[str], context: Context) -> list[str]:
    known, found = KINDS[kind], set()
    for word in given:
        name = {"TEMP": "TEMPORARY"}.get(word.upper(), word.upper())
        if name in ("ALL", "ALL PRIVILEGES"):
            found |= set(known)
        elif name in (*known, *_NEWER.get(kind, ())):
            found.add(name)
        else:
            raise context.error(f"'{word}' is no privilege for {kind}", f"one of: ALL, {', '.join(known)}")
    return sorted(found)


TYPE = ResourceType(
    name="postgres_privilege",
    purpose="Databases",
    doc=(
        "What a role may do with a database, a schema, or tables or sequences of a schema. The role gets exactly these "
        "privileges; others are revoked. Privileges that it has as a member of another role, or because everybody has "
        "them, don't count. With `schema` alone the privileges are the schema's own; without it, the "
        "database's. All changes of a resource are one transaction. `absent` revokes all of the role's privileges."
    ),
    title="role",
    fields={
        "role": Field("string", "The role; `public` is everybody."),
        "database": Field("string", "The database.", default=REQUIRED, compare=False),
        "schema": Field("string", "The schema; `public` for tables and sequences if not given.", compare=False),
        "tables": Field(
            "list",
            "Tables and views of the schema, which must exist; `*` for all that exist at that time.",
            compare=False,
        ),
        "sequences": Field("list", "The same for sequences.", compare=False),
        "new_by": Field(
            "string",
            "A role: tables (or sequences) that it makes from now on in the schema get the same privileges.",
            compare=False,
        ),
        "privileges": Field(
            "list", "Exactly these, as GRANT words them: SELECT, or ALL; `[]` for none.", default=REQUIRED
        ),
        "grant_option": Field("boolean", "Whether the role may pass them on."),
        "port": Field("integer", "The port of its server, where a host has several.", compare=False, public=True),
    },
    exclusive=(("tables", "sequences"),),
    identity=("database", "kind", "schema", "tables", "sequences", "port"),
    normalise=_normalise,
    example="postgres_privilege: report\ndatabase: shop\ntables: '*'\nnew_by: shop\nprivileges: SELECT\n",
)
