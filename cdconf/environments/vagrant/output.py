r"""Reads what Vagrant prints: its machine-readable lines, and the ssh configuration of its machines. Pure.

The lines are `timestamp,target,type,data…`; in data a comma is `%!(VAGRANT_COMMA)`, and a newline is `\n`
(https://developer.hashicorp.com/vagrant/docs/cli/machine-readable).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cdconf.errors import CdconfError, GateClosed, ProviderError

_LINE = re.compile(r"[0-9]+,([^,]*),([a-z][a-z0-9-]*)((?:,.*)?)\Z")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN = 20  # lines of what Vagrant said that belong to an error
_SAYING = ("info", "output", "detail", "warn", "error", "success")


@dataclass(frozen=True)
class OutputLine:
    """One line of Vagrant's. `target` is the machine that it's about, or empty; `kind` is empty for other text."""

    target: str
    kind: str
    data: tuple[str, ...]


@dataclass(frozen=True)
class MachineLogin:
    """How a machine is reached, as `vagrant ssh-config` says. `proxy`: through a command of its own."""

    address: str
    port: int
    user: str
    identity_files: tuple[str, ...] = ()
    proxy: bool = False


def line_of(text: str) -> OutputLine:
    """What a line says; one that isn't machine-readable (a warning of Ruby's) is kept as it is."""
    match = _LINE.match(text)
    if match is None:
        return OutputLine("", "", (text,))
    return OutputLine(match[1], match[2], tuple(_plain(part) for part in match[3].split(",")[1:]))


def _plain(text: str) -> str:
    text = text.replace("\\n", "\n").replace("\\r", "\r").replace("%!(VAGRANT_COMMA)", ",")
    return _COLOUR.sub("", text)


def said(line: OutputLine) -> str | None:
    """The first line of what people would have read, or None."""
    if line.kind != "ui" or len(line.data) < 2 or line.data[0] not in _SAYING:
        return None
    words = line.data[1].strip().splitlines()
    return words[0].removeprefix("==> ").removeprefix(f"{line.target}: ").strip() or None if words else None


def states(lines: Iterable[OutputLine]) -> dict[str, str]:
    """Machine -> its state in its provider's word, such as running, not_created or poweroff."""
    return {line.target: line.data[0] for line in lines if line.kind == "state" and line.data}


def logins(lines: Iterable[OutputLine]) -> dict[str, MachineLogin]:
    """Machine -> how it's reached, of the output of `vagrant ssh-config`."""
    found: dict[str, MachineLogin] = {}
    for line in lines:
        if line.kind == "ssh-config" and line.data:
            found.update(read_ssh_config(line.data[0]))
    return found


def read_ssh_config(text: str) -> dict[str, MachineLogin]:
    """Machine -> how it's reached, of a file in the form of ssh_config(5) that names each machine alone.

    A `Host` without address, user or port isn't ready, and is left out.
    """
    blocks: dict[str, dict[str, list[str]]] = {}
    block: dict[str, list[str]] = {}
    for row in text.splitlines():
        keyword, _, rest = row.strip().partition(" ")
        if not rest or keyword.startswith("#"):
            continue
        if keyword.lower() == "host":
            block = blocks.setdefault(rest.strip(), {})
        else:
            block.setdefault(keyword.lower(), []).append(_unquoted(rest.strip()))
    return {name: _login(block) for name, block in blocks.items() if {"hostname", "user", "port"} <= block.keys()}


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _login(block: dict[str, list[str]]) -> MachineLogin:
    return MachineLogin(
        address=block["hostname"][0],
        port=int(block["port"][0]),
        user=block["user"][0],
        identity_files=tuple(block.get("identityfile", ())),
        proxy="proxycommand" in block,
    )


_BUSY = ("MachineLocked", "MachineActionLockedError", "EnvironmentLockedError")
_EACH = "Please handle this error then try again:"  # precedes each machine's error, of several made at once
_LOCKED = "another process is already executing an action on the machine"
_UNUSABLE = ("ProviderNotUsable", "ProviderNotFound", "ProviderNotFoundSuggestion", "NoDefaultProvider")
_NO_BOX = (
    "BoxNotFound",
    "BoxAddShortNotFound",
    "BoxNotFoundWithProvider",
    "BoxAddNoMatchingProvider",
    "DownloaderError",
)
_INSTALL = (
    "install VirtualBox, or libvirt with `apt-get install vagrant-libvirt`, or use containers: "
    "`vagrant: {provider: docker}` in hosts.yml"
)


def failure(arguments: Sequence[str], status: int, lines: Sequence[OutputLine]) -> CdconfError:
    """The error for a run of Vagrant that failed, with what Vagrant itself said.

    Args:
        arguments: What it was asked for, such as ["up", "staging.web1"].
        status: Its exit status; negative for a signal.
        lines: All that it printed.
    """
    command = shlex.join(["vagrant", *arguments])
    ends = [line.data for line in lines if line.kind == "error-exit" and len(line.data) > 1]
    kind = ends[-1][0].rpartition("::")[2] if ends else ""
    detail = _detail(lines, ends)
    if kind in _BUSY or (ends and _all_locked(ends[-1][1])):
        message = "another run of Vagrant works on these machines"
        return GateClosed(message, detail=detail, hint="wait until it has ended, then try again")
    if kind in _UNUSABLE:
        return ProviderError("Vagrant's own provider can't be used here", detail=detail, hint=_INSTALL)
    if kind.startswith("Box") or kind in _NO_BOX:
        hint = "`vagrant: {boxes: {OS: BOX}}` in hosts.yml names the box of an os"
        return ProviderError(f"`{command}` has no box to make the machines of", detail=detail, hint=hint)
    ended = f"ended with signal {-status}" if status < 0 else f"failed (exit status {status})"
    return ProviderError(f"`{command}` {ended}", detail=detail)


def _all_locked(text: str) -> bool:
    """Whether the one error that stands for those of several machines has no other cause."""
    errors = text.split(_EACH)[1:]
    return bool(errors) and all(_LOCKED in " ".join(error.split()) for error in errors)


def _detail(lines: Sequence[OutputLine], ends: Sequence[tuple[str, ...]]) -> str | None:
    """What went wrong in Vagrant's words; where it has none, the end of what it printed."""
    if ends:
        return "\n".join(_rows([ends[-1][1]])[:_SHOWN])  # a traceback of Ruby's may follow
    errors = [line.data[1] for line in lines if line.kind == "ui" and line.data[:1] in {("error",), ("warn",)}]
    texts = errors or [line.data[0] for line in lines if not line.kind]
    return "\n".join(_rows(texts)[-_SHOWN:]) or None


def _rows(texts: Iterable[str]) -> list[str]:
    return [row.rstrip() for text in texts for row in text.strip().splitlines() if row.strip()]
