"""What a peer is, and the virtual environment that it gets."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fleet import Failed, Fleet

HOME = Path(__file__).parents[2] / ".cdconf/bench"


@dataclass(frozen=True)
class Peer:
    """Another tool.

    Attributes:
        name: For people and `--only`.
        packages: What pip installs.
        shown: The packages whose versions tell what was measured.
        write: Writes the work into a folder (fleet, folder, virtual environment).
        command: Arguments after the program, which is of the virtual environment.
        variables: Environment variables of the run.
        pythons: Versions that it works with, the best first; empty: cdconf's own.
    """

    name: str
    packages: tuple[str, ...]
    shown: tuple[str, ...]
    write: Callable[[Fleet, Path, Path], None]
    command: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    pythons: tuple[str, ...] = ()

    def install(self) -> Path:
        """Makes the virtual environment, or finds it from an earlier run.

        Raises:
            Failed: The packages can't be installed.
        """
        folder = HOME / self.name.replace("+", "-")
        ready = folder / "packages.json"
        wanted = json.dumps(self.packages)
        if ready.is_file() and ready.read_text() == wanted:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        _run([self._python(), "-m", "venv", str(folder)])
        _run([str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", *self.packages])
        ready.write_text(wanted)
        return folder

    def _python(self) -> str:
        for version in self.pythons:
            found = shutil.which(f"python{version}")
            if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
                return found
        return sys.executable

    def versions(self, folder: Path) -> str:
        """`ansible-core 2.19.4, Python 3.11.7`."""
        done = subprocess.run(
            [folder / "bin/pip", "list", "--format", "json"], check=True, capture_output=True, text=True
        )
        installed = {one["name"].lower(): one["version"] for one in json.loads(done.stdout)}
        python = subprocess.run([folder / "bin/python", "--version"], check=True, capture_output=True, text=True)
        return ", ".join([*(f"{name} {installed[name]}" for name in self.shown), python.stdout.strip()])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Failed("\n".join((done.stdout + done.stderr).strip().splitlines()[-10:]))
