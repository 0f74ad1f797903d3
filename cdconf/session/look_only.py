"""The look-only key's end here: what its agent is made of, what that says first, and how a host is reached with it."""

from __future__ import annotations

import bz2
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.agent.install import unpacked
from cdconf.agent.protocol.look_only import VERSION
from cdconf.errors import NotStarted

if TYPE_CHECKING:
    from cdconf.inventory import Host
    from cdconf.session.bundle import Bundle

NONCE = "cdconf-look-only"  # the launcher's: it takes none from whoever calls
COMMAND = "cdconf look"  # sshd starts what the key's line says, whatever is asked for


def sources_of(bundle: Bundle) -> dict[str, str]:
    """The agent's sources, by their paths."""
    return {path: source.decode("utf-8") for path, source in unpacked(bz2.decompress(bundle.data))}


def keyed(host: Host, key: Path) -> Host:
    """The host as the key reaches it.

    Raises:
        NotStarted: It can't be reached with a key of its own.
    """
    why = "it isn't reached over ssh" if host.transport != "ssh" else ""
    if host.ssh.jump and host.ssh.jump != "none":
        why = "it's behind a jump host, which such a key isn't let through"
    if why:
        raise NotStarted(f"a look-only key is no use here: {why}", host=host.name, hint="leave --look-only away")
    return replace(host, ssh=replace(host.ssh, identity_file=str(key), become=None))


def check_ready(said: str, bundle: Bundle, host: str, environment: str) -> str | None:
    """Judges what the agent says first: `VERSION DIGEST CDCONF'S`; returns a warning where it's another one's agent.

    Raises:
        NotStarted: It's too old, or too new, to be understood.
    """
    version, _, rest = said.partition(" ")
    digest, _, made_by = rest.partition(" ")
    anew = f"somebody with root there brings the new one: `cdconf schedule install {environment} --look-only`"
    if version != str(VERSION):
        text = f"its look-only agent is cdconf {made_by[:40] or '?'}'s, and this cdconf doesn't understand it"
        raise NotStarted(text, host=host, hint=anew)
    if digest != bundle.digest:
        return f"its look-only agent is of another cdconf ({made_by[:40] or '?'}), or of other types; {anew}"
    return None
