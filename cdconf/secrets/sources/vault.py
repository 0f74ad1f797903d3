"""Secrets in HashiCorp Vault: an entry of its KV store, version 2, by the library `hvac`. Experimental."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdconf.errors import SecretError
from cdconf.secrets.sources.apart import ask_apart
from cdconf.secrets.sources.source import SecretRequest

_KEYS = ("url", "path", "mount", "namespace", "ca")
_EXAMPLE = "{url: https://vault.example.com, path: '{project}/{environment}'}"
_HERE = ("localhost", "127.0.0.1", "::1")


class Vault:
    """`vault: {url: …, path: "{project}/{environment}"}`: one entry, whose keys are the secrets' names.

    The token is `$VAULT_TOKEN`, or in ~/.vault-token, where `vault login` puts it.
    """

    def __init__(self, given: Any) -> None:
        if not isinstance(given, dict) or not {"url", "path"} <= set(given):
            raise ValueError(f"it must be a map with `url` and `path`, such as {_EXAMPLE}")
        for name, value in given.items():
            if name not in _KEYS:
                raise ValueError(f"there is no key '{name}', only {', '.join(_KEYS)}")
            if not isinstance(value, str) or not value:
                raise ValueError(f"'{name}' must be a text")
        if "{name}" in given["path"] or "{NAME}" in given["path"]:
            raise ValueError("'path' names one entry, whose keys are the secrets' names: all are read by one call")
        url = urllib.parse.urlsplit(given["url"])
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _HERE):
            raise ValueError("'url' must begin with https://")
        self._given = dict(given)

    def read(self, wanted: SecretRequest) -> Mapping[str, str]:
        """See `Source`; an entry that isn't there has no secrets in it."""
        placed = {name: wanted.placed(value, "") for name, value in self._given.items()}
        return ask_apart("vault", placed | {"within": wanted.within}, wanted.names, wanted.within)


def values(given: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """The keys of one entry that are asked for.

    Raises:
        SecretError: The server can't be asked, refuses, or answers something else.
    """
    try:
        import hvac
        from hvac.exceptions import InvalidPath, VaultError
    except ImportError:
        raise SecretError("the library `hvac` isn't installed", hint="pip install 'cdconf[vault]'") from None
    where, mount = given["url"], given.get("mount", "secret")
    try:
        client = hvac.Client(
            url=where,
            token=_token(),
            namespace=given.get("namespace") or os.environ.get("VAULT_NAMESPACE"),
            verify=given.get("ca") or os.environ.get("VAULT_CACERT") or True,
            timeout=given["within"],
            allow_redirects=False,  # another server would get the token
        )
        answer = client.secrets.kv.v2.read_secret_version(
            path=given["path"], mount_point=mount, raise_on_deleted_version=True
        )
    except InvalidPath:
        return {}
    except VaultError as error:
        said = ("; ".join(map(str, error.errors or [])) or str(error) or type(error).__name__)[:300]
        hint = "is the token still good, and may it read this entry? `vault token lookup` says so"
        raise SecretError(f"{where} refuses {mount}/{given['path']}: {said}", hint=hint) from None
    except OSError as error:  # those of requests are
        raise SecretError(f"{where} can't be reached: {error}") from None
    return _texts(answer, names, where)


def _token() -> str:
    token = os.environ.get("VAULT_TOKEN")
    file = Path("~/.vault-token").expanduser()
    if not token and file.is_file():
        token = file.read_text(encoding="utf-8").strip()
    if not token:
        raise SecretError("there is no token for Vault", hint="`vault login` makes one; a CI job sets $VAULT_TOKEN")
    return token


def _texts(answer: Any, names: Sequence[str], where: str) -> dict[str, str]:
    if not isinstance(answer, dict):  # a redirection, which isn't followed
        to = urllib.parse.urlsplit(getattr(answer, "headers", {}).get("Location", ""))
        known = f", it sends to {to.scheme}://{to.netloc}" if to.netloc else ""
        raise SecretError(f"{where} doesn't answer itself{known}", hint="name the server that does as `url`")
    found = answer.get("data")
    found = found.get("data") if isinstance(found, dict) else None
    if not isinstance(found, dict):
        hint = "is `mount` one of KV, version 2?"
        raise SecretError(f"{where} doesn't answer as a KV store of version 2 does", hint=hint)
    for name in names:
        if found.get(name) is not None and not isinstance(found[name], str):
            raise SecretError(f"'{name}' must be text")
    return {name: found[name] for name in names if found.get(name)}
