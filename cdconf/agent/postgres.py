"""PostgreSQL through psql as user postgres, over the local socket; passwords as SCRAM-SHA-256 verifiers."""

import base64
import hashlib
import hmac
import os
import re

from cdconf.agent.base import Failed, Missing, last_lines, run

ITERATIONS = 4096  # PostgreSQL's own default
_SEPARATOR = "\x1f"
_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)\Z")


def identifier(name):
    """A name as an SQL identifier."""
    if "\0" in name or not name:
        raise Failed("{!r} can't be a name in PostgreSQL".format(name))
    return '"{}"'.format(name.replace('"', '""'))


def literal(value):
    """A text as an SQL literal, whatever standard_conforming_strings says."""
    if "\0" in value:
        raise Failed("a text with a null byte can't be sent to PostgreSQL")
    quoted = value.replace("'", "''")
    return "E'{}'".format(quoted.replace("\\", "\\\\")) if "\\" in value else "'{}'".format(quoted)


def _psql(sql, arguments):
    # The statement goes in by stdin: an argument would be seen by everyone in the process list.
    result = run(
        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres"] + arguments,
        input=sql + ";\n",
        user="postgres",
        timeout=120,
        env={"PGOPTIONS": "-c log_statement=none -c client_min_messages=warning"},
    )
    if result.status == 0:
        return result.out
    if result.status == 2 and ("could not connect" in result.err or "connection to server" in result.err):
        raise Missing("running server", "postgresql")
    raise Failed("psql failed", status=result.status, output=last_lines(result.err))


def query(sql):
    """The rows of a query, each a list of texts."""
    out = _psql(sql, ["-A", "-t", "-F", _SEPARATOR])
    return [line.split(_SEPARATOR) for line in out.splitlines() if line]


def execute(sql):
    """Runs one statement."""
    _psql(sql, [])


def _keys(password, salt, iterations):
    """StoredKey and ServerKey of RFC 5802, section 3."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("utf-8"), salt, iterations)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    server = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    return hashlib.sha256(client).digest(), server


def verifier(password, salt=None):
    """What PostgreSQL stores for a password: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` (RFC 7677)."""
    salt = salt if salt is not None else os.urandom(16)
    stored, server = _keys(password, salt, ITERATIONS)
    parts = [base64.b64encode(part).decode("ascii") for part in (salt, stored, server)]
    return "SCRAM-SHA-256${}:{}${}:{}".format(ITERATIONS, *parts)


def fits(password, stored):
    """Whether a password is the one that a stored verifier was made of."""
    match = _VERIFIER.match(stored)
    if match is None:
        return False
    wanted, _ = _keys(password, base64.b64decode(match.group(2)), int(match.group(1)))
    return hmac.compare_digest(wanted, base64.b64decode(match.group(3)))
