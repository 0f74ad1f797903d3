"""The `postgres_privilege` type."""

from __future__ import annotations

from cdconf.resources.spec import REQUIRED, Context, Field, Fields, ResourceType

# GRANT's own words for each kind of object; TEMP and ALL are short for others.
KINDS = {
    "database": ("CONNECT", "CREATE", "TEMPORARY"),
    "schema": ("CREATE", "USAGE"),
    "table": ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"),
    "sequence": ("SELECT", "UPDATE", "USAGE"),
}
_NEWER = {"table": ("MAINTAIN",)}  # of PostgreSQL 17, which ALL doesn't mean here


def _normalise(fields: Fields, context: Context) -> Fields:
    """`kind` is added; privileges are upper case, sorted."""
    for name in ("role", "database", "schema", "table", "sequence", "new_by"):
        text = fields.get(name, "x")
        if not text or "\0" in text or len(text.encode()) > 63:
            raise context.error(f"'{name}' can't be '{text}'", "it has at most 63 bytes")
    if "database" not in fields:
        raise context.error("a privilege needs its `database`")
    fields["kind"] = kind = next((one for one in ("table", "sequence", "schema") if one in fields), "database")
    if kind in ("table", "sequence"):
        fields.setdefault("schema", "public")
    elif "new_by" in fields:
        raise context.error("'new_by' needs a `table` or a `sequence`")
    if fields["absent"]:
        return {name: value for name, value in fields.items() if name not in ("privileges", "grant_option")}
    fields["privileges"] = _privileges(kind, fields["privileges"], context)
    return fields


def _privileges(kind: str, given: list[str], context: Context) -> list[str]:
    known, found = KINDS[kind], set()
    for word in given:
        name = {"TEMP": "TEMPORARY"}.get(word.upper(), word.upper())
        if name in ("ALL", "ALL PRIVILEGES"):
            found |= set(known)
        elif name in (*known, *_NEWER.get(kind, ())):
            found.add(name)
        else:
            raise context.error(f"'{word}' is no privilege on a {kind}", f"one of: ALL, {', '.join(known)}")
    return sorted(found)


TYPE = ResourceType(
    name="postgres_privilege",
    purpose="Databases",
    doc=(
        "What a role may do with a database, a schema, or a table or sequence of a schema. The role gets exactly these "
        "privileges; others are revoked. Privileges that it has as a member of another role, or because everybody has "
        "them, don't count. With `schema` alone the privileges are the schema's own; without it, the "
        "database's. All changes of a resource are one transaction. `absent` revokes all of the role's privileges."
    ),
    title="role",
    fields={
        "role": Field("string", "The role; `public` is everybody."),
        "database": Field("string", "The database.", default=REQUIRED, compare=False),
        "schema": Field("string", "The schema; `public` for tables and sequences if not given.", compare=False),
        "table": Field(
            "string",
            "A table or view of the schema; `*` for all that exist at that time. `*` and names don't go together.",
            compare=False,
        ),
        "sequence": Field("string", "The same for a sequence.", compare=False),
        "new_by": Field(
            "string",
            "A role: each table (or sequence) that it makes from now on in the schema gets the same privileges.",
            compare=False,
        ),
        "privileges": Field(
            "list", "Exactly these, as GRANT words them: SELECT, or ALL; `[]` for none.", default=REQUIRED
        ),
        "grant_option": Field("boolean", "Whether the role may pass them on."),
        "port": Field("integer", "The port of its server, where a host has several.", compare=False, public=True),
    },
    exclusive=(("table", "sequence"),),
    identity=("database", "kind", "schema", "table", "sequence", "port"),
    normalise=_normalise,
    example="postgres_privilege: report\ndatabase: shop\ntable: '*'\nnew_by: shop\nprivileges: SELECT\n",
)
