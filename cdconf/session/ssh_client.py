"""Paramiko's client, which by itself reads a private key's file anew for each connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paramiko import AuthenticationException, SSHClient, SSHException

if TYPE_CHECKING:
    from cdconf.session.ssh_keys import PrivateKeys


class Client(SSHClient):
    """See the module.

    Args:
        keys: Of the run.
    """

    def __init__(self, keys: PrivateKeys) -> None:
        super().__init__()
        self._keys = keys

    def _key_from_filepath(self, filename: str, klass: Any, password: str | None) -> Any:
        """The key and its certificate: the same object for all connections, which only sign with it.

        Raises:
            AuthenticationException: It has a passphrase.
            SSHException: It's no key of this kind; the words are those that `ssh_login.meaning` knows.
        """
        read = super()._key_from_filepath  # type: ignore[misc]
        try:
            return self._keys.once((filename, klass), lambda: read(filename, klass, password))
        except AuthenticationException:
            raise
        except SSHException as error:  # of each kind that it isn't, and of the right one if it's damaged
            raise SSHException("the private key can't be read, or is of a kind that isn't known") from error
