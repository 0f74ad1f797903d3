"""Reads the files of an Ansible inventory: text or vault, YAML as Ansible reads it (1.1, with its own tags)."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import yaml

from cdconf.errors import InvalidFile
from cdconf.importing.vault import HEADER, Hidden, Passwords
from cdconf.importing.yamltext import writable
from cdconf.own_files import read_bytes, reason
from cdconf.yamlfile import YamlList, YamlMap

_PLAIN = (str, bool, int, type(None))


class ImportSource:
    """Reads files, and opens the vaults in them.

    Args:
        passwords: For vaults.

    Attributes:
        closed: Files that are vaults as a whole and for which there was no password.
    """

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self.closed: list[str] = []

    def text(self, path: Path) -> tuple[str, str]:
        """A file's text, decrypted where it can be, and its ciphertext ("" for a file that isn't a vault).

        Raises:
            InvalidFile: It can't be read.
            SecretError: No password fits.
        """
        file = str(path)
        try:
            text = read_bytes(path).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            raise InvalidFile(f"this isn't UTF-8 (byte {error.start})", file=file) from error
        except OSError as error:
            raise InvalidFile(f"can't be read: {reason(error)}", file=file) from error
        if not text.startswith(HEADER):
            return text, ""
        plain = self._passwords.open(text, file, 1)
        if plain is None:
            self.closed.append(file)
        return plain or "", text

    def mapping(self, path: Path) -> YamlMap:
        """A YAML or JSON file of variables; empty for an empty file, and for a vault without password.

        Raises:
            InvalidFile: It isn't YAML, or not a mapping of plain data.
            SecretError: No password fits.
        """
        text, cipher = self.text(path)
        value = self.parse(text, str(path))
        if value is None:
            return YamlMap(file=str(path))
        if not isinstance(value, YamlMap):
            raise InvalidFile("the file must be a mapping: `key: value` lines", file=str(path), line=1)
        if cipher:
            hidden = hide(value, cipher)
            assert isinstance(hidden, YamlMap)  # noqa: S101  a mapping stays one
            return hidden
        return value

    def parse(self, text: str, file: str) -> Any:
        """The value of YAML text, with lines; `Hidden` for `!vault`."""
        loader = _Loader(text, file, self._passwords)
        try:
            return loader.get_single_data()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise InvalidFile(f"this isn't YAML: {error.problem}", file=file, line=line) from error
        except (yaml.YAMLError, ValueError) as error:
            raise InvalidFile(f"this isn't YAML: {error}".splitlines()[0], file=file, line=1) from error
        finally:
            loader.dispose()


def hide(value: Any, cipher: str) -> Any:
    """The same value with every text, number and boolean in it hidden: it comes from an encrypted file."""
    if isinstance(value, YamlMap):
        result = YamlMap({key: hide(member, cipher) for key, member in value.items()}, file=value.file, line=value.line)
        result.lines = value.lines
        return result
    if isinstance(value, list):
        return YamlList(hide(member, cipher) for member in value)
    return value if value is None or isinstance(value, Hidden) else Hidden(value, cipher)


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str, file: str, passwords: Passwords) -> None:
        super().__init__(text)
        self.file = file
        self.passwords = passwords

    def construct_plain_map(self, node: yaml.MappingNode) -> YamlMap:
        self.flatten_mapping(node)
        result = YamlMap(file=self.file, line=node.start_mark.line + 1)
        for key_node, value_node in node.value:
            key = _key(self.construct_object(key_node, deep=True))
            if key is None:
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
            result[key] = self.construct_object(value_node, deep=True)
            result.lines[key] = key_node.start_mark.line + 1
        return result

    def construct_plain_list(self, node: yaml.SequenceNode) -> YamlList:
        result = YamlList(file=self.file, line=node.start_mark.line + 1)
        for member in node.value:
            result.append(self.construct_object(member, deep=True))
            result.lines.append(member.start_mark.line + 1)
        return result

    def construct_checked(self, node: yaml.ScalarNode) -> Any:
        value = self.construct_yaml_timestamp(node)
        return value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else value

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        value = self.construct_yaml_float(node)
        return writable(value) if math.isfinite(value) else node.value

    def construct_vault(self, node: yaml.ScalarNode) -> Hidden:
        text = str(self.construct_scalar(node))
        return Hidden(self.passwords.open(text, self.file, node.start_mark.line + 1), text)

    def construct_unsafe(self, node: yaml.Node) -> Any:
        """`!unsafe`: text in which braces mean nothing."""
        value = node.value if isinstance(node, yaml.ScalarNode) else None
        if value is None or "endraw" in value:
            raise yaml.constructor.ConstructorError(None, None, "this !unsafe value can't be kept", node.start_mark)
        return "{% raw %}" + value + "{% endraw %}" if any(mark in value for mark in ("{{", "{%", "{#")) else value

    def construct_unknown(self, node: yaml.Node) -> Any:
        raise yaml.constructor.ConstructorError(None, None, f"the tag {node.tag} isn't known here", node.start_mark)


def _key(key: Any) -> str | None:
    """A mapping's key as text; Ansible's JSON has them so, too."""
    if isinstance(key, str):
        return key
    return json.dumps(key) if isinstance(key, (*_PLAIN, float)) else None


_CONSTRUCTORS: dict[Any, Any] = {  # None: any other tag
    None: _Loader.construct_unknown,
    "tag:yaml.org,2002:map": _Loader.construct_plain_map,
    "tag:yaml.org,2002:seq": _Loader.construct_plain_list,
    "tag:yaml.org,2002:float": _Loader.construct_number,
    "tag:yaml.org,2002:timestamp": _Loader.construct_checked,
    "!vault": _Loader.construct_vault,
    "!vault-encrypted": _Loader.construct_vault,
    "!unsafe": _Loader.construct_unsafe,
    "tag:yaml.org,2002:binary": _Loader.construct_unknown,
    "tag:yaml.org,2002:set": _Loader.construct_unknown,
    "tag:yaml.org,2002:omap": _Loader.construct_unknown,
    "tag:yaml.org,2002:pairs": _Loader.construct_unknown,
}
for _tag, _constructor in _CONSTRUCTORS.items():
    _Loader.add_constructor(_tag, _constructor)
