"""What each of the operator's sources gives the canary: values that are hard to hide, where their kind has them."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

SOPS = Path(sys.executable).with_name("sops")
KINDS = ("environment", "credentials", "command", "keyring", "op", "pass", "sops", "vault")
_FIRST_LINES = ("environment", "pass")  # these have one line
_SERVICE = "canary dev"


def _value(kind):
    mark = base64.b64encode(hashlib.sha256(kind.encode()).digest()).decode()
    lines = [f"{mark[:14]}' \"\\ $X `y` ✓ ; {{{{ 7*7 }}}} {mark[14:28]}", f"{mark[28:42]} # second"]
    return lines[0] if kind in _FIRST_LINES else "\n".join(lines)


VALUES = {f"canary_of_{kind}": _value(kind) for kind in KINDS}
_SOURCES = """\
sources:
  - environment: "{{NAME}}"
  - credentials: "{{name}}"
  - command: [canary-fetch]
  - pass: "{{name}}"
  - op: "op://x/{{name}}"
  - keyring: "canary {{environment}}"
  - sops: "inventories/{{environment}}/secrets.sops.yml"
  - vault: {{url: "{url}", path: "canary/{{environment}}"}}
"""
_PASS = """#!/bin/sh
cat "{store}/pass/$3" 2>/dev/null || { echo "Error: $3 is not in the password store." >&2; exit 1; }
"""
_OP = """#!/usr/bin/python3
import os, re, sys
store = "{store}/op/"
read = lambda found: open(store + found[1]).read() if os.path.exists(store + found[1]) else ""
sys.stdout.write(re.sub(r"\\{\\{ op://x/(\\w+) \\}\\}", read, sys.stdin.read()))
"""
_FETCH = """#!/bin/sh
cat >/dev/null; cat "{store}/fetch.json"
"""


def place(folder, project, recipient, vault):
    """Puts each value where its source has it, and names the sources.

    Args:
        folder: The operator's, which nobody looks into.
        project: Its directory; the file of sops lies in it.
        recipient: The age key that reads that file.
        vault: A `Store` that's served.

    Returns:
        The variables with which cdconf asks them.
    """
    for name in ("lent", "pass", "op", "bin"):
        (folder / name).mkdir()
    (folder / "lent/canary_of_credentials").write_text(VALUES["canary_of_credentials"])
    (folder / "pass/canary_of_pass").write_text(f"{VALUES['canary_of_pass']}\nlogin: me\n")
    (folder / "op/canary_of_op").write_text(VALUES["canary_of_op"])
    (folder / "fetch.json").write_text(json.dumps({"canary_of_command": VALUES["canary_of_command"]}))
    for name, text in {"pass": _PASS, "op": _OP, "canary-fetch": _FETCH}.items():
        (folder / "bin" / name).write_text(text.replace("{store}", str(folder)))
        (folder / "bin" / name).chmod(0o755)
    vault.entries["secret/canary/dev"] = {"canary_of_vault": VALUES["canary_of_vault"]}
    (folder / "sources.yml").write_text(_SOURCES.format(url=vault.url))
    variables = {
        "PATH": f"{folder / 'bin'}:{SOPS.parent}:{os.environ['PATH']}",
        "CDCONF_SECRETS": str(folder / "sources.yml"),
        "CANARY_OF_ENVIRONMENT": VALUES["canary_of_environment"],
        "CREDENTIALS_DIRECTORY": str(folder / "lent"),
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "XDG_DATA_HOME": str(folder / "data"),
        "VAULT_TOKEN": vault.token,
    }
    _fill_keyring(variables)
    _fill_sops(project / "inventories/dev/secrets.sops.yml", recipient)
    return variables


def quicken(folder):
    """From now on the command has the values of the libraries, too: they take half a second of each of many runs."""
    slow = ("canary_of_keyring", "canary_of_vault")
    known = json.loads((folder / "fetch.json").read_text())
    (folder / "fetch.json").write_text(json.dumps(known | {name: VALUES[name] for name in slow}))


def _fill_keyring(variables):
    command = [sys.executable, "-P", "-m", "keyring", "set", _SERVICE, "canary_of_keyring"]
    subprocess.run(
        command, input=VALUES["canary_of_keyring"], text=True, check=True, env={**os.environ, **variables}, cwd="/"
    )


def _fill_sops(file, recipient):
    text = json.dumps({"canary_of_sops": VALUES["canary_of_sops"]})
    command = [SOPS, "encrypt", "--age", recipient, "--input-type", "json", "--output-type", "yaml", "/dev/stdin"]
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=True, cwd="/")
    file.write_text(done.stdout)
