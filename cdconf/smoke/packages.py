"""The Python packages that a project's smoke tests import: installed from a lock file with hashes, beside cdconf's."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from cdconf.agent.packages.locked import joined_lines
from cdconf.errors import CdconfError, InvalidFile
from cdconf.no_code import check_code
from cdconf.yamlfile import read_exactly

_WITHIN = 600  # seconds
_LONGEST = 8000  # characters of a requirement with its hashes
_SHOWN = 15  # lines of what pip says
_FOLDER = "smoke-packages"
# Wheels alone, whose hashes the file has: nothing of a package runs while it's installed.
_PIP = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet", "--no-warn-script-location")
# A package of an index at one version, or a wheel of the project; then perhaps a marker, and its hashes.
_REQUIREMENT = re.compile(
    r"(?:[A-Za-z0-9][\w.-]*(?:\[[\w., -]+\])? ?== ?[\w.!+-]+|[\w./+-]+\.whl)"
    r"(?: ?;[^$\\]*?)?(?:\s+--hash[= ]sha(?:256|384|512):[0-9a-f]{64,128})+",
    re.ASCII,
)
_PINNED = ("--require-hashes", "--only-binary", ":all:")


def installed(root: Path, data: Path, file: str) -> Path:
    """The directory with the packages; they're installed when the file, or this machine's Python, has changed.

    Args:
        root: The project.
        data: Its `.cdconf/`.
        file: The lock file, relative to the project: requirements of pip, each with its hashes.

    Raises:
        CdconfError: There's no such file; pip can't install them.
    """
    check_code("the packages of the roles' smoke tests", "cdconf.yml", None)
    path = root / file
    if not path.is_file():
        raise InvalidFile(f"smoke: there is no file {file}, which lists the packages of smoke tests", file="cdconf.yml")
    text = read_exactly(path, file, root)
    lines = _checked(text, file)
    about = f"{sys.version_info[:2]} {sysconfig.get_config_var('SOABI')} {sysconfig.get_platform()}\0{text}"
    name = hashlib.sha256(about.encode()).hexdigest()[:32]
    folder = data / _FOLDER
    if not (folder / name).is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as new:
            target = Path(new, "packages")
            # pip gets what was checked: it would read the file itself in the encoding that a comment names.
            own = Path(new, "requirements.txt")
            own.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            _install(root, own, target, file)
            _take(target, folder / name)
    return folder / name


def _checked(text: str, file: str) -> list[str]:
    """The requirements, one a line; refuses what pip would run as the operator: options, other files, and sources."""
    found = []
    for number, joined in joined_lines(text):
        if joined.endswith("\\"):
            raise InvalidFile("the last line goes on", file=file, line=number)
        if len(joined) > _LONGEST or not _REQUIREMENT.fullmatch(joined):
            hint = "such as `requests==2.32.3 --hash=sha256:…`; `pip-compile --generate-hashes` writes such files"
            raise InvalidFile("this is no package with its version and hashes", file=file, line=number, hint=hint)
        found.append(joined)
    return found


def _take(new: Path, place: Path) -> None:
    """Puts it into its place, and removes what was made of other files; two runs may do so at once."""
    new.mkdir(exist_ok=True)  # a file without requirements
    try:
        new.rename(place)
    except OSError:
        if not place.is_dir():
            raise
    used = sorted(
        (path for path in place.parent.iterdir() if path.name[0] != "."), key=lambda path: path.stat().st_mtime
    )
    for path in used[:-3]:
        if path != place:
            shutil.rmtree(path, ignore_errors=True)


def _install(root: Path, own: Path, target: Path, file: str) -> None:
    command = [sys.executable, "-I", *_PIP, *_PINNED, "--target", str(target), "--requirement", str(own)]
    try:
        ended = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=_WITHIN, check=False)
    except subprocess.TimeoutExpired:
        raise CdconfError(f"pip hasn't installed {file} within {_WITHIN} s") from None
    if ended.returncode != 0:
        said = "\n".join((ended.stderr or ended.stdout).splitlines()[-_SHOWN:])
        hint = "each line needs a version and hashes, as `pip-compile --generate-hashes` writes them, and a wheel"
        if "No module named pip" in said:
            hint = f"{sys.executable} has no pip: `{sys.executable} -m ensurepip` installs it"
        raise CdconfError(f"the packages of smoke tests can't be installed from {file}", detail=said, hint=hint)
