"""PostgreSQL through psql as user postgres, over the local socket; passwords as SCRAM-SHA-256 verifiers."""

import base64
import hashlib
import hmac
import json
import os
import re
import time

from cdconf.agent import texts
from cdconf.agent.commands.execute import last_lines, run
from cdconf.agent.crypto import saslprep
from cdconf.agent.errors import Down, Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from cdconf.agent.data.values import Fields

ITERATIONS = 4096  # PostgreSQL's own default
ASKS = "Is the server running"  # what libpq adds where nobody answers; a server that refuses somebody runs
STARTING = 30  # seconds that a server which was just started is waited for
_VERIFIER = re.compile(r"SCRAM-SHA-256\$([0-9]+):([^$]+)\$([^:]+):(.+)\Z")


def identifier(name: "str") -> "str":
    """A name as an SQL identifier."""
    if "\0" in name or not name:
        raise Failed("{!r} can't be a name in PostgreSQL".format(name))
    return '"{}"'.format(name.replace('"', '""'))


def literal(value: "str") -> "str":
    """A text as an SQL literal, whatever standard_conforming_strings says."""
    if "\0" in value:
        raise Failed("a text with a null byte can't be sent to PostgreSQL")
    quoted = value.replace("'", "''")
    return "E'{}'".format(quoted.replace("\\", "\\\\")) if "\\" in value else "'{}'".format(quoted)


def connect(name: "str") -> "str":
    """The psql command that goes on in another database of the same server, whatever its name holds."""
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return "\\connect -reuse-previous=on \"dbname='{}'\"".format(quoted.replace('"', '""'))


def _psql(script: "str", port: "int | None", arguments: "Sequence[str]" = ()) -> "str":
    # The statements go in by stdin: an argument would be seen by everyone in the process list. Nor may the server
    # log them, or psql repeat them: they hold passwords' verifiers.
    options = "-c log_statement=none -c log_min_error_statement=panic -c client_min_messages=warning -c lc_messages=C"
    argv = ["psql", "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-d", "postgres"]
    argv += ["-p", str(port)] if port else []
    deadline = time.monotonic() + STARTING
    while True:
        result = run(
            argv + list(arguments),
            input=script,
            user="postgres",
            timeout=600,
            env={"PGOPTIONS": options, "PGAPPNAME": "cdconf"},
        )
        if result.status != 2 or not _is_starting(result.err, port) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    if result.status == 0:
        return result.out
    if result.status == 2 and ASKS in result.err:
        raise Down("running server", "postgresql" + (" on port {}".format(port) if port else ""))
    reason = re.search(r"^.*?(?:ERROR|FATAL): +(.*)$", result.err, re.MULTILINE)
    why = ": " + reason.group(1) if reason else ""
    raise Failed(
        "PostgreSQL refused it" + why,
        command=" ".join(argv + list(arguments)),
        status=result.status,
        output=last_lines(result.err),
    )


def _is_starting(said: "str", port: "int | None") -> "bool":
    """Whether the server isn't ready yet, which it says in its own language."""
    if ASKS in said:
        return False
    return run(["pg_isready", "-q"] + (["-p", str(port)] if port else []), user="postgres").status == 1


def rows(sql: "str", port: "int | None" = None) -> "list[dict[str, Any]]":
    """The rows of a query, each a dict of its columns as JSON has them."""
    found: "list[dict[str, Any]]" = json.loads(_psql(_as_json(sql), port, ["-A", "-t"]))
    return found


def rows_in(databases: "Sequence[str]", sql: "str", port: "int | None" = None) -> "dict[str, list[dict[str, Any]]]":
    """The rows of a query in each of several databases, `{database: rows}`, in one process."""
    script = "".join("{}\n{}".format(connect(name), _as_json(sql)) for name in databases)
    answers, decoder, text = [], json.JSONDecoder(), texts.strip(_psql(script, port, ["-A", "-t"]))
    while text:
        answer, end = decoder.raw_decode(text)
        answers.append(answer)
        text = texts.strip(text[end:])
    return dict(zip(databases, answers))


def _as_json(sql: "str") -> "str":
    """The query; its names are PostgreSQL's own, since a database's owner may set a path to functions of theirs."""
    return "SET search_path TO pg_catalog;\nSELECT coalesce(json_agg(found), '[]') FROM ({}) AS found;\n".format(sql)  # noqa: S608  queries of this code


def execute(statements: "Iterable[str]", port: "int | None" = None, together: "bool" = False) -> "None":
    """Runs statements (and `connect`s) in one process.

    Args:
        statements: Without a semicolon.
        port: The server's port, if it isn't the default.
        together: All of them or none, in one transaction.
    """
    lines = [line if line.startswith("\\") else line + ";" for line in statements]
    _psql("\n".join(lines) + "\n", port, ["-1"] if together else [])


def by_port(many: "Sequence[Fields]") -> "dict[int | None, list[int]]":
    """Port -> positions of the resources of that server, in their order."""
    groups: "dict[int | None, list[int]]" = {}
    for number, fields in enumerate(many):
        groups.setdefault(fields.get("port"), []).append(number)
    return groups


def setting(name: "str", value: "str | list[str]") -> "str":
    """`SET name TO value` of ALTER ROLE and ALTER DATABASE; a list is several values."""
    values = value if isinstance(value, list) else [value]
    return "SET {} TO {}".format(identifier(name), ", ".join(literal(str(one)) for one in values) or "''")


def settings(wanted: "Mapping[str, str | list[str]]", stored: "Iterable[str] | None") -> "dict[str, str | list[str]]":
    """What's observed of the wanted settings.

    Args:
        wanted: `{name: text or list}`.
        stored: `name=value` texts, as pg_db_role_setting.setconfig has them; None for none.
    """
    # The server stores some names in its own spelling: TimeZone.
    pairs = {name.lower(): value for name, _, value in (one.partition("=") for one in stored or [])}
    return {
        name: _members(pairs[name]) if isinstance(value, list) else pairs[name]
        for name, value in wanted.items()
        if name in pairs
    }


def _members(text: "str") -> "list[str]":
    """The members of a list as the server stores it: `a, "B c"`."""
    found = re.findall(r'"((?:[^"]|"")*)"|([^\s,"]+)', text)
    return [quoted.replace('""', '"') if quoted else plain for quoted, plain in found if quoted or plain]


def _keys(password: "str", salt: "bytes", iterations: "int") -> "tuple[bytes, bytes]":
    """StoredKey and ServerKey of RFC 5802, section 3."""
    salted = hashlib.pbkdf2_hmac("sha256", saslprep.prepared(password).encode("utf-8"), salt, iterations)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    server = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    return hashlib.sha256(client).digest(), server


def verifier(password: "str", salt: "bytes | None" = None) -> "str":
    """What PostgreSQL stores for a password: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` (RFC 7677)."""
    salt = salt if salt is not None else os.urandom(16)
    stored, server = _keys(password, salt, ITERATIONS)
    parts = [base64.b64encode(part).decode("ascii") for part in (salt, stored, server)]
    return "SCRAM-SHA-256${}:{}${}:{}".format(ITERATIONS, *parts)


def fits(password: "str", stored: "str") -> "bool":
    """Whether a password is the one that a stored verifier was made of."""
    match = _VERIFIER.match(stored)
    if match is None:
        return False
    wanted, _ = _keys(password, base64.b64decode(match.group(2)), int(match.group(1)))
    return hmac.compare_digest(wanted, base64.b64decode(match.group(3)))
