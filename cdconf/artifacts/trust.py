"""Whose signatures are believed, which is decided outside of the repository: a commit can't decide whom to believe.

~/.config/cdconf/trusted/PROJECT   trusted public keys, one a line as OpenSSH writes them (`ssh-ed25519 AAAA… name`),
                                   or the file that $CDCONF_TRUSTED_KEYS names: it holds for every project

A file with keys: only what one of them has signed is accepted. A file without any: nobody is trusted, and nothing is
accepted. A line `anybody`: everything is accepted, since somebody has said so. No file: nobody has decided yet, and
everything is accepted, unless keys were trusted for this checkout before (~/.config/cdconf/trusted-before/CHECKOUT):
that a file was lost, or that a commit gave the project another name, is no decision.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cdconf.artifacts.believed import one_change, text_of
from cdconf.artifacts.keys import PublicKey, parse
from cdconf.atomic import write_private
from cdconf.errors import ArtifactError
from cdconf.own_files import read_text, reason

if TYPE_CHECKING:
    from cdconf.inventory import Project

State = Literal["keys", "nobody", "anybody", "undecided"]
ANYBODY = "anybody"
VARIABLE = "CDCONF_TRUSTED_KEYS"
_HEAD = "# Keys whose signatures cdconf trusts, one a line: see `cdconf key trust`. Without a key, nobody is trusted.\n"
_WHAT = "the trusted keys"


@dataclass(frozen=True)
class Trust:
    """Whom a project trusts on this machine.

    Attributes:
        state: `keys`: these alone; `nobody`; `anybody`: somebody said so; `undecided`: nobody has said anything.
        keys: The trusted keys by id; with `anybody` they're only remembered.
        why: Of `nobody`: why that's so, for people.
    """

    state: State
    keys: Mapping[str, PublicKey]
    why: str = ""

    @property
    def is_open(self) -> bool:
        """Whether everything is accepted, whoever signed it."""
        return self.state in ("anybody", "undecided")


def trusted_file(project: Project) -> Path:
    """Where the trusted public keys are."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path("~/.config/cdconf/trusted").expanduser() / project.name


def trust_of(project: Project, *, remembers: bool = True) -> Trust:
    """Whom the project trusts on this machine.

    Args:
        project: The project.
        remembers: Whether this checkout may note where the keys lay, so that their loss is noticed.

    Raises:
        ArtifactError: The file is damaged, can be written by others, or isn't where $CDCONF_TRUSTED_KEYS says.
    """
    path = trusted_file(project)
    is_named = bool(os.environ.get(VARIABLE))
    text = text_of(path, _WHAT)
    if text is None:
        if is_named:
            raise ArtifactError(f"${VARIABLE} names {path}, which isn't there")
        before = _before(project)
        if before is None:
            return Trust("undecided", {})
        return Trust("nobody", {}, f"keys in {before} were trusted for this checkout before, and {path} isn't there")
    found = _parsed(path, text)
    if found.state == "nobody" and is_named:
        raise ArtifactError(f"${VARIABLE} names {path}, which holds no key")
    if found.state == "keys" and remembers:
        _remember(project, path)
    return found


def trusted(project: Project) -> dict[str, PublicKey]:
    """The keys whose signatures count, by id; raises what `trust_of` raises."""
    return dict(trust_of(project).keys)


def file_state(project: Project) -> State:
    """What the file alone says; unlike `trust_of` it doesn't mind that a named one holds no key."""
    text = text_of(trusted_file(project), _WHAT)
    return "undecided" if text is None else _parsed(trusted_file(project), text).state


def trust(project: Project, key: PublicKey) -> None:
    """Trusts a key, and no longer anybody; one that is trusted already gets its new name."""
    with _changed(project) as before:
        _write(project, {**before.keys, key.id: key})
        _remember(project, trusted_file(project))


def trust_anybody(project: Project) -> None:
    """Accepts everything from now on; the keys that are trusted are remembered."""
    with _changed(project) as before:
        _write(project, before.keys, anybody=True)


def distrust_anybody(project: Project) -> None:
    """Accepts only what a trusted key has signed: nothing, when there's none."""
    with _changed(project) as before:
        _write(project, before.keys)


def distrust(project: Project, keyid: str) -> PublicKey:
    """Takes a key out, and returns it. The last one leaves nobody, not anybody.

    Raises:
        ArtifactError: No trusted key, or several, have an id that begins so.
    """
    with _changed(project) as before:
        keys = dict(before.keys)
        wanted = keyid if keyid.startswith("SHA256:") else f"SHA256:{keyid}"
        found = [key for key in keys if key.startswith(wanted)]
        if len(found) != 1 or len(wanted) < len("SHA256:") + 4:
            raise ArtifactError(f"no single trusted key has the fingerprint {keyid}", hint="see `cdconf key list`")
        gone = keys.pop(found[0])
        _write(project, keys, anybody=before.state == "anybody")
    return gone


def _parsed(path: Path, text: str) -> Trust:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    told = [(number, line) for number, line in lines if line and not line.startswith("#")]
    found = [parse(line, f"{path}:{number}") for number, line in told if line != ANYBODY]
    keys = {key.id: key for key in found}
    if any(line == ANYBODY for _, line in told):
        return Trust("anybody", keys)
    return Trust("keys", keys) if keys else Trust("nobody", {}, f"{path} holds no key")


@contextmanager
def _changed(project: Project) -> Iterator[Trust]:
    """What stands there before it's changed; one change at a time."""
    path = trusted_file(project)
    with one_change(path):
        text = text_of(path, _WHAT)
        yield Trust("undecided", {}) if text is None else _parsed(path, text)


def _write(project: Project, keys: Mapping[str, PublicKey], *, anybody: bool = False) -> None:
    lines = [*([ANYBODY] if anybody else []), *(key.text for key in keys.values())]
    write_private(trusted_file(project), _HEAD + "".join(f"{line}\n" for line in lines))


def _remembered(project: Project) -> Path:
    return Path("~/.config/cdconf/trusted-before").expanduser() / project.checkout


def _before(project: Project) -> str | None:
    """Where keys lay that were trusted for this checkout, if there ever were any."""
    path = _remembered(project)
    try:
        return read_text(path).strip() or None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        hint = "it says where trusted keys lay; if they're there, remove it: the next `cdconf key list` writes it anew"
        raise ArtifactError(f"can't read {path}: {reason(error)}", hint=hint) from error


def _remember(project: Project, path: Path) -> None:
    remembered = _remembered(project)
    if not remembered.exists():
        with contextlib.suppress(OSError):  # a home that can't be written to goes by the file alone
            remembered.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(remembered, f"{path}\n")
