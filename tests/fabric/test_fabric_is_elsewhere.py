"""Fabric is for people's scripts: cdconf's own runs don't pay for its import."""

import ast
import subprocess
import sys
from pathlib import Path

import cdconf

ROOT = Path(cdconf.__file__).parent
LOADS = """
import sys
import cdconf.cli, cdconf.cli.main
from cdconf.cli.main import VERBS
import importlib
for name, _ in VERBS.values(): importlib.import_module(f"cdconf.cli.verbs.{name}")
import cdconf.cli.fleets, cdconf.session.ssh
from cdconf.session.ssh_connection import paramiko
paramiko()
print(sorted({"fabric", "invoke", "cdconf.fabric"} & set(sys.modules)))
"""


def imported(path):
    for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(one, ast.Import):
            yield from (name.name for name in one.names)
        elif isinstance(one, ast.ImportFrom) and not one.level:
            yield one.module


def is_of_scripts(name):
    return name.split(".")[0] in ("fabric", "invoke") or name == "cdconf.fabric" or name.startswith("cdconf.fabric.")


def test_the_command_line_loads_neither_fabric_nor_invoke():
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_only_one_room_imports_fabric():
    found = {path.relative_to(ROOT).parts[0] for path in ROOT.rglob("*.py") if any(map(is_of_scripts, imported(path)))}
    assert found == {"fabric"}


def test_the_room_s_name_shadows_nothing():
    lines = "import cdconf.fabric, fabric, invoke; print(fabric.Connection.__module__, cdconf.fabric.group.__module__)"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout == "fabric.connection cdconf.fabric.groups\n"
