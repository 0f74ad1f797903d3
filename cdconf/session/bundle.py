"""The agent as a zip, and the command that starts it on a host."""

from __future__ import annotations

import base64
import hashlib
import io
import shlex
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cdconf.errors import InvalidFile

_PACKAGE = Path(__file__).parent.parent
_STAMP = (1980, 1, 1, 0, 0, 0)  # the zip format's first moment: the same sources give the same bytes
_PYTHONS = "python3 /usr/libexec/platform-python /usr/bin/python3 /usr/local/bin/python3"


@dataclass(frozen=True)
class Bundle:
    """The agent: `data` is a zip, `digest` its SHA-256 in hex."""

    data: bytes
    digest: str


@cache
def bundle(project_root: Path | None = None) -> Bundle:
    """Zips `cdconf/agent` and every type's `agent.py`, those of the project's `resources/` included.

    Raises:
        InvalidFile: A project's type can't be read.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(_sources(project_root).items()):
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes() if path else b"")
    data = buffer.getvalue()
    return Bundle(data, hashlib.sha256(data).hexdigest())


def _sources(project_root: Path | None) -> dict[str, Path | None]:
    """Name in the zip -> file; None for an empty one. Packages' own `__init__` may import what a host lacks."""
    sources: dict[str, Path | None] = {"cdconf/__init__.py": None, "cdconf/resources/__init__.py": None}
    for path in (_PACKAGE / "agent").glob("*.py"):
        if path.name != "boot.py":
            sources[f"cdconf/agent/{path.name}"] = path
    folders = [_PACKAGE / "resources"]
    if project_root is not None and (project_root / "resources").is_dir():
        folders.append(project_root / "resources")
    for folder in folders:
        for path in folder.glob("*/agent.py"):
            name = f"cdconf/resources/{path.parent.name}"
            if f"{name}/agent.py" in sources:
                raise InvalidFile(
                    f"resource type '{path.parent.name}' exists already", file=f"resources/{path.parent.name}"
                )
            sources[f"{name}/__init__.py"] = None
            sources[f"{name}/agent.py"] = path
    return sources


@cache
def _bootstrap() -> str:
    """The bootstrap as one line without quotes of any kind but double ones, so that every shell passes it on."""
    source = (_PACKAGE / "agent/boot.py").read_text("utf-8")
    packed = base64.b64encode(zlib.compress(source.encode(), 9)).decode()
    return f'import base64,zlib;exec(zlib.decompress(base64.b64decode("{packed}")))'


def start_command(digest: str, nonce: str, become: str | None) -> list[str]:
    """The argument list that starts the agent: finds a Python, becomes root where asked to."""
    script = (
        f"for p in {_PYTHONS}; do "
        'if command -v "$p" >/dev/null 2>&1; then exec "$p" -I -S -c "$1" "$2" "$3"; fi; '
        'done; echo "$3 nopython"'
    )
    prefix = ["sudo", "-n", "--"] if become == "sudo" else []
    return [*prefix, "sh", "-c", script, "cdconf", _bootstrap(), digest, nonce]


def start_line(digest: str, nonce: str, become: str | None) -> str:
    """The same for a login shell, quoted."""
    return shlex.join(start_command(digest, nonce, become))
