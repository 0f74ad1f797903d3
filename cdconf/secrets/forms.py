"""The forms in which a secret turns up: as it is, encoded, and as files and command lines quote it."""

from __future__ import annotations

import base64
import html
import json
import math
import re
import shlex
from urllib.parse import quote, quote_plus

import yaml

SHORTEST = 4  # shorter ones would mask half of everything


def forms_of(value: str) -> set[str]:
    """Every form of a value and of each of its lines, those that are long enough to be masked."""
    return {form for line in (value, *value.splitlines()) for form in _forms(line) if len(form) >= SHORTEST}


def _forms(value: str) -> set[str]:
    if len(value) < SHORTEST:
        return set()
    plain = str.__str__(value)
    encoded = plain.encode("utf-8", "surrogateescape")
    return {plain, encoded.hex(), encoded.hex().upper(), *_base64(encoded), *_quoted(plain), *_in_urls(encoded)}


def _in_urls(encoded: bytes) -> set[str]:
    return {quote(encoded, safe=""), quote(encoded), quote_plus(encoded)}


def _quoted(value: str) -> set[str]:
    """What stands between the quotes, or where there are none, when something is quoted by cdconf or by a filter."""
    unicode = json.dumps(value, ensure_ascii=False)[1:-1]
    escaped = value.replace("\\", "\\\\")
    tagged = html.escape(value, quote=False)
    return {
        json.dumps(value)[1:-1],
        unicode,  # JSON, INI
        unicode.replace("\x7f", "\\u007f"),  # TOML
        re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", unicode),  # YAML
        *_yaml(value),
        repr(value)[1:-1],
        repr(value.encode("utf-8", "surrogateescape"))[2:-1],
        shlex.quote(value).strip("'"),
        re.sub(r'([\\"$`])', r"\\\1", value),  # "…" of shells
        value.replace("'", "''"),  # '…' of SQL and YAML
        escaped.replace("'", "''"),  # E'…' of SQL
        escaped.replace('"', '\\"'),  # EnvironmentFile= of systemd
        escaped.replace("%", "%%").replace('"', '\\"'),  # units of systemd
        value.replace("%", "%%"),
        re.sub(r"(?<!\\)%", r"\\%", value),  # crontabs
        re.sub(r"[ \t\n\\]", lambda found: f"\\{ord(found[0]):03o}", value),  # fstab
        tagged,
        html.escape(value),
        tagged.replace("'", "&#39;").replace('"', "&#34;"),  # |e
        re.sub("[<>&']", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value)[1:-1]),  # |tojson
    }


def _yaml(value: str) -> set[str]:
    """What PyYAML writes, in each of its styles."""
    dumped = (
        yaml.dump(value, Dumper=yaml.SafeDumper, width=math.inf, allow_unicode=True, default_style=style)
        for style in (None, "'", '"')
    )
    return {text.removesuffix("\n").removesuffix("\n...").strip("'\"") for text in dumped}


def _base64(encoded: bytes) -> set[str]:
    """What base64 makes of a value alone, and in the midst of others (`user:password` in a header).

    Base64 takes three bytes at a time, so that a value may begin at one of three places; characters that hold bits of
    what stands before or behind it are left out.
    """
    forms = {base64.b64encode(encoded).decode().rstrip("=")}
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + encoded).decode()
        begin, end = -(-offset * 8 // 6), (offset + len(encoded)) * 8 // 6
        forms.add(whole[begin:end])
    long = {form for form in forms if len(form) > SHORTEST}
    return long | {form.replace("+", "-").replace("/", "_") for form in long}
