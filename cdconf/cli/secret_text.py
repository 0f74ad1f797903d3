"""The text in which people edit secrets: where it lies meanwhile, and what was changed in it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Self

from cdconf.scratch import MEMORY, keep, scratch
from cdconf.yamlfile import YamlMap, loads


class Scratch:
    """A private file with a text, in memory where the machine can; removed at the end unless it's kept.

    Args:
        text: What's in it at first.

    Attributes:
        file: The file (0600), alone in a directory of its own (0700).
    """

    def __init__(self, text: str) -> None:
        self._stack = contextlib.ExitStack()
        self.file = self._stack.enter_context(scratch("secret", MEMORY if MEMORY.is_dir() else None)) / "secrets.yml"
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def read(self) -> YamlMap:
        """The text as it is now, parsed.

        Raises:
            InvalidFile: It isn't YAML.
        """
        try:
            return loads(self.file.read_text(encoding="utf-8"), self.file.name)
        except UnicodeDecodeError as error:
            raise YamlMap(file=self.file.name).error(f"this isn't UTF-8 (byte {error.start})") from error

    def keep(self) -> None:
        """Leaves the file where `file` says now, for its owner alone."""
        self.file.chmod(0o600)  # editors may replace a file
        self.file = keep(self.file.parent) / self.file.name


def changes(old: Mapping[str, str | None], new: YamlMap) -> dict[str, str | None]:
    """What an edit comes to: name -> new value, None for what is gone.

    Raises:
        InvalidFile: A name or a value can't be a secret's.
    """
    for name, value in new.items():
        if not name.isidentifier():
            raise new.error(f"'{name}' can't be a variable's name", name, "use letters, digits and _")
        if not isinstance(value, str) or not value:
            raise new.error(f"the secret '{name}' must be text", name, "quote it")
    gone: dict[str, str | None] = {name: None for name in old if name not in new}
    return gone | {name: value for name, value in new.items() if old.get(name) != value}


def as_yaml(values: Mapping[str, str | None]) -> str:
    """Secrets as the text to edit; each value is quoted, so that none changes its type."""
    import yaml

    plain = {name: str.__str__(value) for name, value in values.items() if value is not None}
    text: str = yaml.safe_dump(plain, allow_unicode=True, default_style='"', width=2**20) if plain else ""
    return text
