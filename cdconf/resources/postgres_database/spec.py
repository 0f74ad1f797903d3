"""The `postgres_database` type."""

from __future__ import annotations

import re
from typing import Any

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_SETTING = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?\Z")
# The server keeps these as lists of names: one text with commas would be one name (GUC_LIST_QUOTE in its sources).
_LISTS = {"search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"}


def normal_settings(settings: dict[str, Any], context: Context) -> dict[str, Any]:
    """Settings as the server stores them: texts, and lists of texts for those that are lists."""
    normal: dict[str, Any] = {}
    for key, value in settings.items():
        name = str(key).lower()
        if not _SETTING.match(name):
            raise context.error(f"'{key}' can't be a setting's name")
        if name in _LISTS:
            members = value if isinstance(value, list) else str(value).split(",")
            normal[name] = [str(member).strip().strip('"') for member in members]
        elif isinstance(value, bool):
            normal[name] = "on" if value else "off"
        elif isinstance(value, (str, int, float)):
            normal[name] = str(value) if not isinstance(value, str) else value
        else:
            raise context.error(f"the setting '{key}' must be a text, a number or true or false")
    return normal


def _normalise(fields: Fields, context: Context) -> Fields:
    name = fields["name"]
    if not name or "\0" in name or len(name.encode()) > 63:
        raise context.error(f"'{name}' can't be a database's name", "it has at most 63 bytes")
    if name in ("template0", "template1"):
        raise context.error(f"'{name}' is PostgreSQL's own")
    fields["encoding"] = fields["encoding"].upper().replace("-", "")
    if "extensions" in fields:
        fields["extensions"] = list(dict.fromkeys(fields["extensions"]))
    if "settings" in fields:
        fields["settings"] = normal_settings(fields["settings"], context)
    return fields


TYPE = ResourceType(
    name="postgres_database",
    purpose="Databases",
    doc=(
        "A database of the host's PostgreSQL server (10 or later). Encoding, collate and ctype can't be "
        "changed after the database was created: a difference is an error. `absent` drops the database with "
        "all its data, so it also needs `force`."
    ),
    title="name",
    fields={
        "name": Field("string", "The database."),
        "owner": Field("string", "The role that owns it."),
        "encoding": Field("string", "Its encoding, set when it's made.", default="UTF8"),
        "collate": Field("string", "Its collation, such as C.UTF-8, set when it's made."),
        "ctype": Field("string", "Its character classes, set when it's made."),
        "template": Field("string", "What it's copied from when it's made; template0 if not given.", compare=False),
        "connection_limit": Field("integer", "How many connections it may have; -1 for any number."),
        "extensions": Field("list", "Extensions that it has, made in this order; others are kept."),
        "settings": Field("map", "Its own values of server settings, such as search_path; others are kept."),
        "force": Field("boolean", "With `absent`: end its sessions and really drop the data.", compare=False),
        "port": Field("integer", "The port of its server, where a host has several.", compare=False, public=True),
    },
    identity=("port",),
    normalise=_normalise,
    example="postgres_database: shop\nowner: shop\nextensions: [pg_trgm]\n",
)
