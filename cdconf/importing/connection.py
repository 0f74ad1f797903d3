"""How Ansible reaches a host (its `ansible_*` variables), as cdconf's `ssh:` settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from cdconf.importing.model import Definition
from cdconf.importing.vault import Hidden

Complain = Callable[[Definition, str], None]
Keep = Callable[[Definition], "str | None"]
_SYNONYMS = {
    "ansible_ssh_host": "ansible_host",
    "ansible_ssh_port": "ansible_port",
    "ansible_ssh_user": "ansible_user",
    "ansible_private_key_file": "ansible_ssh_private_key_file",
    "ansible_sudo": "ansible_become",
    "ansible_sudo_pass": "ansible_become_password",
    "ansible_become_pass": "ansible_become_password",
}
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
_WHY_NOT = {
    "ansible_python_interpreter": "cdconf finds Python on the host by itself",
    "ansible_password": "cdconf logs in with keys; see `ssh-copy-id`",
    "ansible_ssh_pass": "cdconf logs in with keys; see `ssh-copy-id`",
    "ansible_shell_type": "the agent needs no shell but sh",
    "ansible_ssh_pipelining": "cdconf always does so",
    "ansible_pipelining": "cdconf always does so",
}
_SSH = ("port", "user", "jump", "become", "sudo_password", "identity_file", "known_hosts")
_HOP = r"([\w.-]+@)?([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?"
_HOPS = re.compile(rf"{_HOP}(,{_HOP})*\Z")
_PROXY_COMMAND = re.compile(r"ssh\s+(?:-q\s+)?-W\s+%h:%p\s+(?:-q\s+)?([\w.@-]+(?::[0-9]+)?)\Z")
_TRUE = (True, "true", "yes", "on", "1", 1)


def connection(name: str, variables: Mapping[str, Definition], complain: Complain, keep: Keep) -> dict[str, Any]:
    """A host's entry of hosts.yml but its groups: `address`, `ssh`, `transport`, `container`.

    Args:
        name: The host's name in Ansible.
        variables: Those that are in force; the ones without `ansible_` are ignored.
        complain: Gets what has no place in cdconf, and why.
        keep: Makes sudo's password a secret and returns its name; None: it isn't known.
    """
    settings: dict[str, Any] = {}
    for key in sorted(variables, key=lambda key: (key not in _ARGUMENTS, key not in _SYNONYMS)):  # later ones win
        definition, known = variables[key], _SYNONYMS.get(key, key)
        if known in _SETTERS:
            _SETTERS[known](settings, definition, complain)
        elif known in _ARGUMENTS:
            _arguments(settings, definition, complain)
        elif known == "ansible_become_password":
            _sudo_password(settings, definition, complain, keep)
        elif key.startswith("ansible_"):
            complain(definition, _WHY_NOT.get(key, "cdconf has no such setting"))
    if settings.get("sudo_password") and "ansible_become" not in variables:  # plays say `become: true` as well
        settings["become"] = "sudo"
    if "become" not in settings:
        settings.pop("sudo_password", None)
    ssh = {key: settings[key] for key in _SSH if key in settings}
    entry: dict[str, Any] = {"address": settings.get("address", name)}
    if "transport" in settings:
        entry["transport"] = settings["transport"]
    if settings.get("transport") == "docker":
        entry["container"] = entry["address"]
    return entry | ({"ssh": ssh} if ssh else {})


def _text(key: str) -> Callable[[dict[str, Any], Definition, Complain], None]:
    def set_text(settings: dict[str, Any], definition: Definition, complain: Complain) -> None:
        if (
            isinstance(definition.value, Hidden)
            or not isinstance(definition.value, (str, int))
            or "{{" in str(definition.value)
        ):
            complain(definition, f"its value isn't plain text: set {key} in hosts.yml")
        elif definition.value != "":
            settings[key] = str(definition.value)

    return set_text


def _port(settings: dict[str, Any], definition: Definition, complain: Complain) -> None:
    text = str(definition.value) if isinstance(definition.value, (str, int)) else ""
    if text.isdigit() and 0 < int(text) < 65536:
        settings["port"] = int(text)
    else:
        complain(definition, "its value isn't a port: set port in hosts.yml")


def _become(settings: dict[str, Any], definition: Definition, complain: Complain) -> None:
    value = definition.value.lower() if isinstance(definition.value, str) else definition.value
    if not isinstance(value, Hidden) and value in _TRUE:
        settings["become"] = "sudo"


def _sudo_password(settings: dict[str, Any], definition: Definition, complain: Complain, keep: Keep) -> None:
    name = keep(definition)
    if name is None:
        complain(
            definition,
            "what it comes to isn't known: name a secret in `ssh: {sudo_password: NAME}`, or be asked for it",
        )
    else:
        settings["sudo_password"] = name


def _become_method(settings: dict[str, Any], definition: Definition, complain: Complain) -> None:
    if definition.value != "sudo":
        complain(definition, "cdconf becomes root with sudo only")


def _become_user(settings: dict[str, Any], definition: Definition, complain: Complain) -> None:
    if definition.value != "root":
        complain(definition, "the agent runs as root; resources have owners")


def _transport(settings: dict[str, Any], definition: Definition, complain: Complain) -> None:
    kind = str(definition.value).rpartition(".")[2]
    if kind in ("local", "docker"):
        settings["transport"] = kind
    elif kind not in ("ssh", "smart", "paramiko", "paramiko_ssh", "libssh"):
        complain(definition, "cdconf connects by ssh, docker or locally")


def _arguments(settings: dict[str, Any], definition: Definition, complain: Complain) -> None:
    """Takes jump host and known hosts out of ssh's arguments; complains about the rest."""
    try:
        words = shlex.split(str(definition.value)) if isinstance(definition.value, (str, int)) else []
    except ValueError:
        words = [str(definition.value)]
    rest = []
    while words:
        word = words.pop(0)
        if word in ("-o", "-J") and words:
            word = ("ProxyJump=" if word == "-J" else "") + words.pop(0)
        elif word.startswith(("-o", "-J")) and len(word) > 2:
            word = ("ProxyJump=" if word.startswith("-J") else "") + word[2:]
        if not _option(settings, *_split(word)):
            rest.append(word)
    if rest:
        complain(definition, f"cdconf doesn't pass these arguments to ssh: {shlex.join(rest)} (~/.ssh/config is read)")


def _split(option: str) -> tuple[str, str]:
    name, _, value = option.partition("=") if "=" in option.split(" ", 1)[0] else option.partition(" ")
    return name.lower(), value.strip()


def _option(settings: dict[str, Any], name: str, value: str) -> bool:
    if name == "proxycommand":
        match = _PROXY_COMMAND.match(value)
        value = match[1] if match else ""
    if name in ("proxyjump", "proxycommand") and _HOPS.match(value):
        settings["jump"] = value
    elif name == "userknownhostsfile" and value not in ("", "/dev/null"):
        settings["known_hosts"] = value
    elif name == "identityfile" and value:
        settings.setdefault("identity_file", value)
    else:
        return name in ("controlmaster", "controlpersist", "controlpath")  # one connection per run serves the same end
    return True


_SETTERS: dict[str, Callable[[dict[str, Any], Definition, Complain], None]] = {
    "ansible_host": _text("address"),
    "ansible_user": _text("user"),
    "ansible_ssh_private_key_file": _text("identity_file"),
    "ansible_port": _port,
    "ansible_become": _become,
    "ansible_become_method": _become_method,
    "ansible_become_user": _become_user,
    "ansible_connection": _transport,
}
