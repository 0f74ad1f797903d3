"""The `wait_for` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_PORT = re.compile(r"(?:(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):)?(?P<port>[0-9]{1,5})\Z")


def _normalise(fields: Fields, context: Context) -> Fields:
    """The target is taken apart here, so that a wrong one is an error with a line."""
    target = fields["target"]
    if target.startswith(("http://", "https://")):
        fields["url"] = target
    elif target.startswith("/"):
        fields["path"] = target
    elif (found := _PORT.match(target)) and 0 < int(found["port"]) < 65536:
        fields["host"] = (found["host"] or "127.0.0.1").strip("[]")
        fields["port"] = int(found["port"])
    else:
        raise context.error(f"'{target}' is nothing to wait for", "a port (5432, db1:5432), a /path or a URL")
    if "url" not in fields and ({"status", "contains"} & set(fields)):
        raise context.error("'status' and 'contains' are for URLs")
    return fields


TYPE = ResourceType(
    name="wait_for",
    purpose="Commands, checks and order",
    doc=(
        "Waits until a port accepts connections, a path exists, or a URL answers, seen from the host itself. "
        "The result is `ok` if that's already true, `changed` after waiting, and an error after `within`. "
        "Check mode tries once and doesn't wait."
    ),
    title="target",
    fields={
        "target": Field("string", "A port (`5432`, `db1:5432`), an absolute path, or an http(s) URL."),
        "within": Field("integer", "Seconds to wait.", default=60, compare=False),
        "status": Field(
            "integer", "The HTTP status that the URL must answer; any of 200 to 299 if not given.", compare=False
        ),
        "contains": Field("string", "A text that the answer's body must contain.", compare=False),
    },
    absent=False,
    normalise=_normalise,
    example="wait_for: 127.0.0.1:5432\nwithin: 30\n",
)
