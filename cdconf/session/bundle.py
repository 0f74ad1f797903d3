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
_PYTHONS = "python3 /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python"


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
        if path.name not in ("boot.py", "install.py"):
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
def installer() -> bytes:
    """What the bootstrap runs when the agent isn't cached on the host."""
    return (_PACKAGE / "agent/install.py").read_bytes()


@cache
def _bootstrap() -> str:
    """The bootstrap as one line without quotes of any kind but double ones, so that every shell passes it on."""
    lines = (_PACKAGE / "agent/boot.py").read_text("utf-8").splitlines()
    source = "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    packed = base64.b64encode(zlib.compress(source.encode(), 9)).decode()
    return f'import base64,zlib;exec(zlib.decompress(base64.b64decode("{packed}")))'


def start_command(digest: str, nonce: str, become: str | None = None, *, terminal: bool = False) -> list[str]:
    """The argument list that starts the agent: finds a Python, becomes root where asked to.

    Without a Python it says so and runs the one line that it may get. Its words survive every login shell: there's
    no `!` (csh), no backslash (fish), no single quote and no newline in them. The nonce is the last word, followed by
    no space, so that a shell that echoes its commands can't be mistaken for the agent.

    Args:
        digest: The agent's.
        nonce: Precedes everything that the agent says until frames begin.
        become: `sudo`, or None. sudo's prompt is `NONCE-sudo-USER:`; `%p` keeps it out of the command line.
        terminal: The command gets a terminal; it's made raw, so that it passes bytes on as they are.
    """
    # UTF-8 whatever the host's locale: -X utf8 since Python 3.7, LC_ALL for 3.6.
    script = (
        f"export LC_ALL=C.UTF-8; for p in {_PYTHONS}; do "
        'if command -v "$p" >/dev/null 2>&1; then exec "$p" -X utf8 -I -S -c "$1" "$2" "$3"; fi; '
        'done; echo "$3 nopython"; read -r line && eval "$line"'
    )
    command = ["sh", "-c", script, "cdconf", _bootstrap(), digest, nonce]
    if become == "sudo":
        command = ["env", "LC_ALL=C", "sudo", "-S", "-p", f"{nonce}-sudo-%p:", "--", *command]
    return ["sh", "-c", 'stty raw -echo; exec "$@"', "cdconf", *command] if terminal else command


def start_line(digest: str, nonce: str, become: str | None = None, *, terminal: bool = False) -> str:
    """The same for a login shell, quoted."""
    return shlex.join(start_command(digest, nonce, become, terminal=terminal))
