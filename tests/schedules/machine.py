"""A machine of a test's own: its systemctl and its crontab keep what they're given, and what they're asked."""

import json
import os
from pathlib import Path

from cdconf.pipeline.watch import install as watch_install
from cdconf.schedules import timer

SYSTEMCTL = """#!/bin/sh
echo "$@" >> "{folder}/systemctl.log"
case "$*" in *is-active*) cat "{folder}/state" 2>/dev/null || echo active;; esac
[ ! -e "{folder}/refuses" ] || {{ echo "Failed to connect to bus" >&2; exit 1; }}
"""
CRONTAB = """#!/bin/sh
case "$1" in
-l) if [ -e "{folder}/tab" ]; then cat "{folder}/tab"; else echo "no crontab for root" >&2; exit 1; fi;;
-r) rm "{folder}/tab";;
-) cat > "{folder}/tab"; echo write >> "{folder}/crontab.log";;
esac
"""


class Machine:
    """Where a schedule's units and lines go."""

    def __init__(self, folder: Path, monkeypatch, *, is_system: bool = True, systemd: bool = True) -> None:
        self.folder = folder / "machine"
        programs = self.folder / "bin"
        programs.mkdir(parents=True)
        for name, text in (("systemctl", SYSTEMCTL), ("crontab", CRONTAB)):
            path = programs / name
            path.write_text(text.format(folder=self.folder))
            path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        monkeypatch.setattr(os, "geteuid", lambda: 0 if is_system else 1000)
        self.units = self.folder / ("system" if is_system else "configuration/systemd/user")
        monkeypatch.setattr(watch_install, "SYSTEM", self.folder / "system")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(self.folder / "configuration"))
        monkeypatch.setattr(timer, "_RUNS", self.folder if systemd else self.folder / "nothing")

    @property
    def tab(self) -> str | None:
        path = self.folder / "tab"
        return path.read_text() if path.exists() else None

    @tab.setter
    def tab(self, text: str) -> None:
        (self.folder / "tab").write_text(text)

    def log(self, name: str) -> list[str]:
        """What a program was asked for."""
        path = self.folder / f"{name}.log"
        return path.read_text().splitlines() if path.exists() else []

    def refuse(self) -> None:
        """From now on systemctl fails."""
        (self.folder / "refuses").touch()


def runs_file(root: Path, stem: str, runs: list[dict]) -> None:
    """What the last runs of a schedule were."""
    (root / f".cdconf/schedules/{stem}.runs.json").write_text(json.dumps({"version": 1, "runs": runs}))
