"""The `postgres_role` type."""

from __future__ import annotations

import datetime as dt

from cdconf.resources.postgres_database.spec import normal_settings
from cdconf.resources.spec import Context, Field, Fields, ResourceType


def _normalise(fields: Fields, context: Context) -> Fields:
    """One spelling for every state, as the server tells it."""
    name = fields["name"]
    if not name or "\0" in name or len(name.encode()) > 63:
        raise context.error(f"'{name}' can't be a role's name", "it has at most 63 bytes")
    if name.startswith("pg_"):
        raise context.error(f"'{name}' can't be managed: names that begin with pg_ are PostgreSQL's own")
    if fields.get("password") == "":
        raise context.error(f"the password of role '{name}' is empty", "leave it out for a role without password")
    if "member_of" in fields:
        fields["member_of"] = sorted(set(fields["member_of"]))
    if "valid_until" in fields:
        fields["valid_until"] = _moment(fields["valid_until"], context)
    if "settings" in fields:
        fields["settings"] = normal_settings(fields["settings"], context)
    return fields


def _moment(text: str, context: Context) -> str:
    """`YYYY-MM-DD HH:MM:SS` in UTC."""
    if text == "infinity":
        return text
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise context.error(
            f"'{text}' isn't a moment", 'such as "2030-01-01", "2030-01-01T12:00:00Z" or infinity'
        ) from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


TYPE = ResourceType(
    name="postgres_role",
    purpose="Databases",
    doc=(
        "A role of the host's PostgreSQL server (10 or later), managed as its user postgres. The password is "
        "sent as a SCRAM-SHA-256 verifier, so it never appears in the server's logs. Consecutive roles form "
        "one transaction. A role that still owns something can't be removed."
    ),
    title="name",
    fields={
        "name": Field("string", "The role."),
        "password": Field("string", "Its password.", sensitive=True),
        "login": Field("boolean", "May log in.", default=True),
        "superuser": Field("boolean", "May do everything."),
        "createdb": Field("boolean", "May create databases."),
        "createrole": Field("boolean", "May create roles."),
        "inherit": Field("boolean", "Has the privileges of the roles that it's a member of without SET ROLE."),
        "replication": Field("boolean", "May replicate."),
        "bypassrls": Field("boolean", "Whether row-level security doesn't apply to it."),
        "connection_limit": Field("integer", "How many connections it may have; -1 for any number."),
        "valid_until": Field(
            "string", "When its password expires, in UTC unless a zone is given; `infinity` for never."
        ),
        "member_of": Field("list", "Exactly the roles that it's a member of, pg_read_all_data or pg_monitor as well."),
        "settings": Field("map", "Its own values of server settings, such as statement_timeout; others are kept."),
        "port": Field("integer", "The port of its server, where a host has several.", compare=False, public=True),
    },
    identity=("port",),
    normalise=_normalise,
    example='postgres_role: shop\npassword: "{{ shop_db_password }}"\nsettings: {statement_timeout: 30s}\n',
)
