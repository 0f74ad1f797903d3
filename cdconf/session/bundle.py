"""The agent as one file, and the command that starts it on a host."""

from __future__ import annotations

import base64
import bz2
import contextlib
import hashlib
import json
import shlex
import sys
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.atomic import write_private
from cdconf.own_files import read_bytes
from cdconf.resources.agent_code import check_agent
from cdconf.resources.discovery import is_own, type_folders
from cdconf.session.annotations import without_annotations
from cdconf.session.minify import compact
from cdconf.session.shorten import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = Path(__file__).parent.parent
# Until the release after 0.1: where resource types found modules of the agent that are elsewhere now.
OLD_PATHS = {
    "base": "cdconf.agent.api",
    "programs": "cdconf.agent.commands.programs",
    "shell": "cdconf.agent.commands.shell",
    "home": "cdconf.agent.files.home_files",
    "owned": "cdconf.agent.files.whole_file",
    "accounts": "cdconf.agent.system.accounts",
    "fstab": "cdconf.agent.system.fstab",
    "hosts_file": "cdconf.agent.system.hosts_file",
    "sysctl": "cdconf.agent.system.sysctl",
}
PYTHONS = "python3 /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python"


@dataclass(frozen=True)
class Bundle:
    """The agent: `data` is its sources, packed and then compressed as a whole by bzip2.

    Packed is a line of JSON, `[[path, bytes], ...]`, and the files that it names, one after the other. A zip's own
    directory would cost a twentieth of what's sent, and deflate a fifth: it looks back 32 kB only (RFC 1951).

    Attributes:
        digest: SHA-256 of what's packed, in hex: the same however it was compressed.
    """

    data: bytes
    digest: str

    def deflated(self) -> bytes:
        """The same (RFC 1950) for a host whose Python was built without bzip2."""
        return zlib.compress(bz2.decompress(self.data), 9)


@cache
def bundle(project_root: Path | None = None, packages: tuple[str, ...] = (), kept: Path | None = None) -> Bundle:
    """Packs `cdconf/agent` and every type's `agent.py`, those of the project and of packages included.

    Args:
        project_root: See `type_folders`.
        packages: See `type_folders`.
        kept: A directory that keeps the last one, since packing takes longer than many a run.

    Raises:
        InvalidFile: A type that isn't cdconf's own can't be read, or couldn't run on a host.
    """
    sources = _sources(project_root, packages)
    file = kept / f"{_state(sources)}.agent" if kept else None
    if file is not None and (known := _kept(file)) is not None:
        return known
    made = _packed_own() if sources == _sources(None, ()) else _packed(sources)
    if file is not None:
        _keep(file, made)
    return made


def _kept(file: Path) -> Bundle | None:
    """What `_keep` has kept; None where it isn't there, or isn't whole any more."""
    try:
        head, _, data = read_bytes(file).partition(b"\n")
        digest, _, content = head.decode("ascii").partition(" ")
    except (OSError, ValueError):
        return None
    return Bundle(data, digest) if _sum(digest, data) == content else None


def _sum(digest: str, data: bytes) -> str:
    return hashlib.sha256(digest.encode() + data).hexdigest()


@cache
def _packed_own() -> Bundle:
    """The agent of projects without types of their own."""
    return _packed(_sources(None, ()))


def _packed(sources: Mapping[str, Path | None]) -> Bundle:
    files = {name: _small(path) if path else b"" for name, path in sources.items()}
    if any(path is not None and _PACKAGE not in path.parents for path in sources.values()):
        files.update(_old_paths())
    return pack(dict(sorted(files.items())))


def _old_paths() -> dict[str, bytes]:
    """Modules of `cdconf.agent` under the paths at which types from outside of cdconf may still import them."""
    return {
        f"cdconf/agent/{old}.py": f"import sys\nimport {new}\nsys.modules[__name__]=sys.modules[{new!r}]\n".encode()
        for old, new in OLD_PATHS.items()
    }


def pack(files: Mapping[str, bytes]) -> Bundle:
    """Of path -> source."""
    names = json.dumps([[name, len(source)] for name, source in files.items()], separators=(",", ":"))
    packed = b"".join([names.encode(), b"\n", *files.values()])
    return Bundle(bz2.compress(packed), hashlib.sha256(packed).hexdigest())


def _small(path: Path) -> bytes:
    return _own_small(path) if _PACKAGE in path.parents else compact(path.read_bytes())


@cache
def _own_small(path: Path) -> bytes:
    """Of cdconf's own source, which doesn't change while it runs; others' types may look at their own names."""
    return compact(shorten(without_annotations(path.read_bytes()).decode("utf-8")).encode())


def _state(sources: Mapping[str, Path | None]) -> str:
    """Changes whenever a source does."""
    total = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for name, path in sorted(sources.items()):
        status = path.stat() if path else None
        total.update(f"{name} {path} {status and (status.st_size, status.st_mtime_ns, status.st_ino)}\n".encode())
    return total.hexdigest()


def _keep(file: Path, made: Bundle) -> None:
    """Replaces what was kept; a directory that can't be written to only costs time."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        for old in file.parent.glob("*.agent"):
            old.unlink(missing_ok=True)
        content = f"{made.digest} {_sum(made.digest, made.data)}\n".encode() + made.data
        write_private(file, content, durable=False)


def _sources(project_root: Path | None, packages: tuple[str, ...]) -> dict[str, Path | None]:
    """Name in the zip -> file; None for an empty one. Packages' own `__init__` may import what a host lacks."""
    sources = dict(_own_sources())
    for name, folder in type_folders(project_root, packages).items():
        path = folder / "agent.py"
        if not is_own(folder):
            check_agent(path, project_root)
        sources[f"cdconf/resources/{name}/__init__.py"] = None
        sources[f"cdconf/resources/{name}/agent.py"] = path
    return sources


@cache
def _own_sources() -> dict[str, Path | None]:
    """Those of the agent itself, which don't change while cdconf runs."""
    sources: dict[str, Path | None] = {"cdconf/__init__.py": None, "cdconf/resources/__init__.py": None}
    above = f"{_PACKAGE}/"
    for path in (_PACKAGE / "agent").rglob("*.py"):
        if path.name not in ("boot.py", "install.py") and path.parent.name != "data":
            sources[f"cdconf/{path.as_posix().removeprefix(above)}"] = path
    return sources


@cache
def sources_digest() -> str:
    """The SHA-256, in hex, of cdconf's own agent code as it's written.

    What's packed differs with the Python that packs it; this is the same on every controller.
    """
    total = hashlib.sha256()
    for name, path in sorted(_sources(None, ()).items()):
        content = path.read_bytes() if path else b""
        total.update(b"%s %d " % (name.encode(), len(content)) + content)
    for name in ("boot.py", "install.py"):
        total.update((_PACKAGE / "agent" / name).read_bytes())
    return total.hexdigest()


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
    return f'import binascii,zlib;exec(zlib.decompress(binascii.a2b_base64("{packed}")))'


def start_command(digest: str, nonce: str, become: str | None = None, *, terminal: bool = False) -> list[str]:
    """The argument list that starts the agent: finds a Python, becomes root where asked to.

    Without a Python it says so, with the system's id and version, and runs the one line that it may get. Its words
    survive every login shell: there's no `!` (csh), no backslash (fish), no single quote and no newline in them. The
    nonce is the last word, followed by no space, so that a shell that echoes its commands can't be mistaken for the
    agent.

    Args:
        digest: The agent's.
        nonce: Precedes everything that the agent says until frames begin.
        become: `sudo`, or None. sudo's prompt is `NONCE-sudo-USER:`; `%p` keeps it out of the command line.
        terminal: The command gets a terminal; it's made raw, so that it passes bytes on as they are.
    """
    # UTF-8 whatever the host's locale: -X utf8 since Python 3.7, LC_ALL for 3.6.
    script = (
        f"export LC_ALL=C.UTF-8; for p in {PYTHONS}; do "
        'if command -v "$p" >/dev/null 2>&1; then exec "$p" -X utf8 -I -S -c "$1" "$2" "$3"; fi; '
        'done; echo "$3 nopython $(. /etc/os-release 2>/dev/null; echo $ID $VERSION_ID)"; '
        'read -r line && eval "$line"'
    )
    command = ["sh", "-c", script, "cdconf", _bootstrap(), digest, nonce]
    if become == "sudo":
        command = ["env", "LC_ALL=C", "sudo", "-S", "-p", f"{nonce}-sudo-%p:", "--", *command]
    return ["sh", "-c", 'stty raw -echo; exec "$@"', "cdconf", *command] if terminal else command


def start_line(digest: str, nonce: str, become: str | None = None, *, terminal: bool = False) -> str:
    """The same for a login shell, quoted."""
    return shlex.join(start_command(digest, nonce, become, terminal=terminal))
