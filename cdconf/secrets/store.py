"""An environment's secrets: encrypted in the inventory, generated for environments that a provider makes."""

from __future__ import annotations

import contextlib
import json
import secrets
import string
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.atomic import write_private
from cdconf.errors import CdconfError, SecretError
from cdconf.file_lock import held_folder
from cdconf.own_files import read_json, reason
from cdconf.secrets import age
from cdconf.secrets.operators import ask, sources_of, unset_hint
from cdconf.secrets.readers import Shift, comments, marked, readers, shift, short
from cdconf.secrets.taint import Secret
from cdconf.secrets.unmaskable import spared, why
from cdconf.yamlfile import YamlMap, load_if_any, loads, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cdconf.inventory import Environment, Project
    from cdconf.secrets.mask import Mask

_ALPHABET = string.ascii_letters + string.digits  # no quoting needed in any file format


class SecretStore:
    """The secrets of one environment.

    Args:
        project: The project.
        environment: The environment; one that it copies isn't looked at.
        checkout: Whose `.cdconf/` holds the generated secrets; the project's by default.

    Raises:
        InvalidFile: secrets.yml holds a value that isn't encrypted.
    """

    def __init__(self, project: Project, environment: Environment, *, checkout: Path | None = None) -> None:
        self._project = project
        self._checkout = checkout or project.root
        self._environment = environment
        self.path = project.folder(environment.name) / "secrets.yml"
        self.shown = f"{project.shown_folder(environment.name)}/secrets.yml"
        self._encrypted = load_if_any(self.path, project.root) or YamlMap(file=self.shown)
        for name, value in self._encrypted.items():
            if not isinstance(value, str) or not value.startswith(age.PREFIX):
                raise self._encrypted.error(
                    f"'{name}' isn't encrypted",
                    name,
                    f"change it now, and use `cdconf secret set {environment.name} {name}`",
                )
        self._for = comments(read_text(self.path, self.shown, project.root)) if self._encrypted else {}
        self._plain: dict[str, Secret] = {}
        self._outside: dict[str, tuple[Secret, str]] = {}  # of the operator's sources, with what tells of the source
        self._asked: set[str] = set()
        self._down: CdconfError | None = None  # a source that failed isn't asked again in this run
        self._asking = threading.Lock()
        self._generated = self._load_generated()

    @property
    def _generated_file(self) -> Path:
        return self._project.data / "environments" / self._environment.name / "secrets.json"

    def _load_generated(self) -> dict[str, str]:
        path = self._checkout / ".cdconf/environments" / self._environment.name / "secrets.json"
        if self._environment.provider == "existing":
            return {}
        try:
            path.lstat()
        except FileNotFoundError:
            return {}
        except OSError as error:  # a file in its directory's place: what hosts were set up with may be elsewhere
            raise _damaged(path, reason(error)) from error
        try:
            values = read_json(path)
        except (OSError, ValueError) as error:
            raise _damaged(path, reason(error)) from error
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise _damaged(path, "it isn't an object of texts")
        return values

    def names(self) -> list[str]:
        """All names that are known by now, sorted."""
        return sorted({*self._encrypted, *self._outside, *self._generated})

    def ciphertexts(self) -> dict[str, str]:
        """What secrets.yml has: name -> ciphertext."""
        return dict(self._encrypted)

    def source(self, name: str) -> str:
        """Where a secret comes from, for people."""
        if name in self._outside:
            return self._outside[name][1]
        return self.shown if name in self._encrypted else "generated"

    def fetch(self, names: Iterable[str]) -> list[Secret]:
        """Asks the operator's sources for secrets that aren't in secrets.yml: each source once, for all of them.

        Args:
            names: Of those that will be read.

        Returns:
            The values that were found; they're to be masked.

        Raises:
            SecretError: A source can't be asked, or a value couldn't be masked.
            InvalidFile: The operator's file breaks a rule.
        """
        with self._asking:
            known = {*self._encrypted, *self._asked}
            # A project's files say the names: none may lead a pattern of the operator's elsewhere.
            wanted = [one for one in dict.fromkeys(names) if one not in known and one.isidentifier()]
            if not wanted:
                return []
            if self._down is not None:
                raise self._down
            try:
                return self._fetch(wanted)
            except CdconfError as error:
                self._down = error
                raise

    def _fetch(self, wanted: list[str]) -> list[Secret]:
        sources = sources_of(self._project, self._environment)
        found = []
        for name, value, named in ask(sources, wanted, self._project, self._environment):
            self._check_maskable(name, value)
            self._outside[name] = (Secret(value), f"{named.kind} ({named.place[0]}:{named.place[1]})")
            found.append(self._outside[name][0])
        self._asked.update(wanted)
        return found

    def get(self, name: str) -> Secret | None:
        """A secret's value, None when there is none.

        Raises:
            SecretError: It can't be decrypted.
        """
        if name not in self._plain and name in self._encrypted:
            file, line = self._encrypted.where(name)
            self._plain[name] = Secret(age.decrypt(self._encrypted[name], name, file, line))
        if name in self._plain:
            return self._plain[name]
        self.fetch([name])
        if name in self._outside:
            return self._outside[name][0]
        return Secret(self._generated[name]) if name in self._generated else None

    def damaged(self) -> list[SecretError]:
        """Errors for values that nobody can decrypt any more; needs no key."""
        errors = []
        for name, value in self._encrypted.items():
            try:
                age.ciphertext(value, name, *self._encrypted.where(name))
            except SecretError as error:
                errors.append(error)
        return errors

    def teach(self, mask: Mask) -> dict[str, SecretError]:
        """Shows every secret to a mask; returns the errors of those that can't be decrypted here, by name."""
        errors: dict[str, SecretError] = {}
        mask.spare(self.spared())
        for name in self.names():
            try:
                value = self.get(name)
            except SecretError as error:
                errors[name] = error
            else:
                mask.add(value or "")
        return errors

    def spared(self) -> frozenset[str]:
        """The words that no secret can be, if it's to be masked."""
        return spared(self._project, self._environment, self.names())

    def unmaskable(self) -> list[str]:
        """The names of the secrets that can't be masked, of those that can be decrypted here."""
        words, found = self.spared(), []
        for name in self.names():
            with contextlib.suppress(SecretError):
                value = self.get(name)
                if value is not None and why(value, words) is not None:
                    found.append(name)
        return found

    def set(self, name: str, value: str) -> None:
        """Encrypts a value for the environment's recipients and writes it down; raises what `change` raises."""
        self.change({name: value})

    def change(self, values: Mapping[str, str | None]) -> None:
        """Sets secrets, and removes those whose value is None; all of them, or none when one can't be.

        Raises:
            SecretError: A name is no variable's, a value is empty or couldn't be masked, a secret to remove isn't in
                secrets.yml, or there are no recipients.
            InvalidFile: secrets.yml is written in a way in which it can't be changed safely.
        """
        for name, value in values.items():
            if value is None and name not in self._encrypted:
                raise SecretError(f"there is no secret '{name}' in {self.shown}")
            if not name.isidentifier():
                raise SecretError(f"'{name}' can't be a variable's name", hint="use letters, digits and _")
            if value is not None and not value:
                raise SecretError(f"the secret '{name}' is empty")
            self._check_maskable(name, value)
        changed = {name: value for name, value in values.items() if value is not None}
        to = self.recipients() if changed else []
        encrypted = {name: age.encrypt(value, to) for name, value in changed.items()}
        self._write({name: encrypted.get(name) for name in values}, to)
        for name in values:
            self._encrypted.pop(name, None)
            self._plain.pop(name, None)
            self._for.pop(name, None)
        self._encrypted.update(encrypted)
        self._for.update(dict.fromkeys(encrypted, frozenset(map(short, to))))
        self._plain.update({name: Secret(value) for name, value in changed.items()})

    def _check_maskable(self, name: str, value: str | None) -> None:
        reason = why(value, {*self.spared(), name}) if value is not None else None
        if reason is not None and value != self._plain.get(name):  # what's there already is warned of
            message = f"the secret '{name}' couldn't be masked in what runs show: {reason}"
            raise SecretError(message, hint="choose another value; `openssl rand -base64 24` makes one")

    def shift(self) -> Shift:
        """How the secrets of secrets.yml differ from who should read them; needs no key.

        Raises:
            SecretError: There are no recipients, or one isn't an age public key.
        """
        found = {}
        for name, value in self._encrypted.items():
            with contextlib.suppress(SecretError):  # a damaged one is for nobody
                data = age.ciphertext(value, name, *self._encrypted.where(name))
                found[name] = readers(data, self._for.get(name))
        return shift(found, self.recipients())

    def rekey(self) -> list[str]:
        """Encrypts every secret of secrets.yml again, for those who are recipients now; returns the names.

        Raises:
            SecretError: One can't be decrypted, or there are no recipients; nothing was written.
        """
        plain = {name: self.get(name) for name in sorted(self._encrypted)}
        if plain:
            self.change(plain)
        return list(plain)

    def recipients(self) -> list[Any]:
        """Who can read what's written from now on; raises `SecretError` when there's nobody."""
        return age.recipients(self._project, self._environment.name)

    def _write(self, changes: Mapping[str, str | None], to: list[Any]) -> None:
        """Changes the file as it is now, and what is to be changed alone: comments stay, and what others have set."""
        from cdconf.secrets.edit import edited

        text = self.path.read_bytes().decode("utf-8") if self.path.exists() else ""
        fresh = edited(text, changes, self.shown)
        told = marked(fresh, [name for name, value in changes.items() if value is not None], to)
        is_same = loads(told, self.shown) == loads(fresh, self.shown)  # however somebody has written the file
        write_private(self.path, told if is_same else fresh)

    def generate(self, name: str, length: int) -> Secret:
        """Makes a secret once, for an environment that a provider makes.

        Raises:
            SecretError: The environment's hosts exist on their own, so that a lost file would lock it out.
        """
        if self._environment.provider == "existing":
            raise SecretError(
                f"the secret '{name}' isn't set for {self._environment.name}",
                hint=unset_hint(self._project, self._environment, name),
            )
        if name not in self._generated:
            self._generated_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with held_folder(self._generated_file.parent):
                self._generated = self._load_generated()  # another run may have made it meanwhile
                if name not in self._generated:
                    self._generated[name] = "".join(secrets.choice(_ALPHABET) for _ in range(length))
                    write_private(self._generated_file, json.dumps(self._generated, indent=1) + "\n")
        return Secret(self._generated[name])


def _damaged(path: Path, problem: str) -> SecretError:
    return SecretError(f"{path} is damaged: {problem}", hint="restore it; hosts were set up with its secrets")
