"""Whose statements are believed, for which office: decided outside of the repository, which a commit can change.

~/.config/cdconf/signers/PROJECT           lines of OpenSSH's `allowed_signers`, see `allowed_signers`; or the file that
                                           $CDCONF_SIGNERS names
~/.config/cdconf/signers/PROJECT.revoked   public keys, one a line, that prove nothing any more, whatever they signed;
                                           `ssh-keygen -Y verify -r` reads it, too

Without the file, or without a key for an office, nobody is believed: gates that ask for one are closed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.artifacts.believed import one_change, text_of
from cdconf.artifacts.keys import PublicKey
from cdconf.atomic import write_private
from cdconf.errors import ArtifactError
from cdconf.promotion.allowed_signers import Signer, fingerprint_of, signer_of
from cdconf.promotion.offices import shown

if TYPE_CHECKING:
    from cdconf.inventory import Project

VERSION = 1
VARIABLE = "CDCONF_SIGNERS"
_HEAD = f"# cdconf signers {VERSION}: OpenSSH's allowed_signers, see `cdconf key trust --office`\n"
_REVOKED_HEAD = "# Keys that prove nothing any more, see `cdconf key revoke --office`\n"
_VERSION_LINE = re.compile(r"#\s*cdconf signers ([0-9]+)")
_WHAT = "the signers"


@dataclass(frozen=True)
class Signers:
    """Who may speak for which office.

    Attributes:
        file: Where that stands.
        signers: In the file's order; a key may have several lines.
        revoked: The ids of keys that prove nothing any more.
    """

    file: str
    signers: tuple[Signer, ...] = ()
    revoked: frozenset[str] = frozenset()

    def of(self, office: str, now: float) -> list[Signer]:
        """Those who may speak for an office now."""
        return [signer for signer in self.signers if office in signer.offices and self.problem(signer, now) is None]

    def problem(self, signer: Signer, now: float) -> str | None:
        """Why a signer proves nothing now, whenever they signed; None when they do."""
        if signer.id in self.revoked:
            return "a revoked key"
        if signer.valid_before is not None and now >= signer.valid_before:
            return "an expired key"
        if signer.valid_after is not None and now < signer.valid_after:
            return "a key that isn't valid yet"
        return None


def signers_file(project: Project) -> Path:
    """Where the signers are."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path("~/.config/cdconf/signers").expanduser() / project.name


def revoked_file(project: Project) -> Path:
    """Where the keys are that were revoked."""
    path = signers_file(project)
    return path.with_name(f"{path.name}.revoked")


def signers_of(project: Project) -> Signers:
    """Who may speak for which office, on this machine; nobody when there's no file.

    Raises:
        ArtifactError: A file is damaged, of a newer version, can be written by others, or isn't where $CDCONF_SIGNERS
            says.
    """
    path = signers_file(project)
    if os.environ.get(VARIABLE) and text_of(path, _WHAT) is None:
        raise ArtifactError(f"${VARIABLE} names {path}, which isn't there")
    return written(project)


def written(project: Project) -> Signers:
    """The same, where a file that's named and isn't there yet is about to be made."""
    path = signers_file(project)
    text = text_of(path, _WHAT)
    found = tuple(signer_of(line, f"{path}:{number}") for number, line in _lines(text or "", path))
    revoked = revoked_file(project)
    gone = [_revoked(line, f"{revoked}:{number}") for number, line in _lines(text_of(revoked, _WHAT) or "", revoked)]
    return Signers(str(path), found, frozenset(gone))


def _revoked(line: str, where: str) -> str:
    """The fingerprint of a key's line, of any kind: people have revoked keys, too."""
    found = fingerprint_of(line)
    if found is None:
        raise ArtifactError(f"{where} isn't a public key: 'ssh-ed25519 AAAA… name'")
    return found


def trust(project: Project, office: str, key: PublicKey, valid_before: str | None = None) -> None:
    """Lets a key speak for an office; one that may already gets its new name and time.

    Raises:
        ArtifactError: The key was revoked.
    """
    with one_change(signers_file(project)):
        if key.id in written(project).revoked:
            again = f"make a new one with `cdconf key new --office {shown(office)}`"
            hint = f"{again}; revoked keys are in {revoked_file(project)}"
            raise ArtifactError(f"{key.id} is revoked, and can't be trusted again", hint=hint)
        options = f'namespaces="{office}"' + (f',valid-before="{valid_before}"' if valid_before else "")
        name = re.sub(r'[\s"*?!,#]+', "-", key.name) or "unnamed"
        line = f"{name} {options} {' '.join(key.text.split()[:2])}"
        signer_of(line, "the key's line")
        _write(project, [*_without(project, office, key.id), line])


def revoke(project: Project, office: str, keyid: str) -> Signer:
    """Writes down that a key of an office proves nothing any more, in that office or any other.

    Raises:
        ArtifactError: No key of the office, or several, have an id that begins so.
    """
    with one_change(signers_file(project)):
        wanted = keyid if keyid.startswith("SHA256:") else f"SHA256:{keyid}"
        known = {one.id: one for one in written(project).signers if office in one.offices}
        found = [one for one in known if one.startswith(wanted)]
        if len(found) != 1 or len(wanted) < len("SHA256:") + 4:
            hint = f"see `cdconf key list --office {shown(office)}`"
            raise ArtifactError(f"no single key of the office {shown(office)} has the fingerprint {keyid}", hint=hint)
        path, signer = revoked_file(project), known[found[0]]
        text = text_of(path, _WHAT) or _REVOKED_HEAD
        write_private(path, f"{text.rstrip()}\n{_public(project, signer.id)}\n")
        return signer


def revoke_line(project: Project, line: str) -> str:
    """Writes down that a key proves nothing any more, such as a person's: it needn't have an office.

    Args:
        project: The project.
        line: The public key's line.

    Returns:
        Its fingerprint.

    Raises:
        ArtifactError: It's no public key.
    """
    found = _revoked(line, "what's to be revoked")
    with one_change(signers_file(project)):
        if found not in written(project).revoked:
            path = revoked_file(project)
            text = text_of(path, _WHAT) or _REVOKED_HEAD
            write_private(path, f"{text.rstrip()}\n{' '.join(line.split())}\n")
    return found


def _public(project: Project, keyid: str) -> str:
    """The public key's line among the signers."""
    path = signers_file(project)
    for number, line in _lines(text_of(path, _WHAT) or "", path):
        if signer_of(line, f"{path}:{number}").id == keyid:
            return " ".join(re.findall(r'(?:[^\s"]|"[^"]*")+', line)[2:4])
    raise ArtifactError(f"{keyid} isn't among the signers in {path}")


def _without(project: Project, office: str, keyid: str) -> list[str]:
    """The file's lines, comments included, but for those that let a key speak for this office alone."""
    path = signers_file(project)
    kept = []
    for line in (text_of(path, _WHAT) or _HEAD).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            signer = signer_of(line, str(path))
            if signer.id == keyid and signer.offices == {office}:
                continue
        kept.append(line)
    return kept


def _write(project: Project, lines: list[str]) -> None:
    write_private(signers_file(project), "".join(f"{line}\n" for line in lines))


def _lines(text: str, path: Path) -> Iterator[tuple[int, str]]:
    """Numbers and lines that say something; raises `ArtifactError` for a file of a newer version."""
    for number, line in enumerate(text.splitlines(), 1):
        version = _VERSION_LINE.match(line)
        if version and (len(version[1]) > 9 or int(version[1]) > VERSION):
            hint = "use the version of cdconf that wrote it, or a newer one"
            raise ArtifactError(f"{path}:{number}: this is version {version[1][:9]} of signers' files", hint=hint)
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()
