"""sudo's password: from the environment, from a secret, or asked on the terminal, once for all hosts."""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING

from cdconf.errors import HostFailed, SecretError
from cdconf.events import Asking, SecretRead
from cdconf.secrets import Mask, Secret, SecretStore
from cdconf.secrets.operators import unset_hint
from cdconf.session.terminal import ask_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdconf.events import Emit
    from cdconf.inventory import Environment, Host, Project

VARIABLE = "CDCONF_SUDO_PASSWORD"
_WAYS = (
    f"give it in {VARIABLE}, name a secret in `ssh: {{sudo_password: NAME}}`, run cdconf on a terminal, "
    "or give the user NOPASSWD in sudoers"
)
_NOT_ALLOWED = re.compile(r"is not in the sudoers|is not allowed to|may not run sudo")
_EXPIRED = re.compile(
    r"sudo: ((account|password) (or password )?(is )?expired|account validation failure)", re.IGNORECASE
)
_NO_TERMINAL = re.compile(r"must have a tty|a terminal is required|no tty present")
_NO_SUDO = re.compile(r"sudo['\"]?: (command )?not found|sudo['\"]?: No such file", re.IGNORECASE)


class SudoPasswords:
    """Knows sudo's passwords for one run. Safe for threads: while one host's is asked for, the others wait.

    Args:
        project: For its secrets.
        environment: Whose hosts these are.
        emit: Hears of what must be masked, and that the terminal is in use.
        ask: Asks a person; raises `OSError` or `EOFError` where nobody answers.
    """

    def __init__(
        self, project: Project, environment: Environment, emit: Emit, ask: Callable[[str], str] = ask_secret
    ) -> None:
        self._project = project
        self._environment = environment
        self._emit = emit
        self._ask = ask
        self._lock = threading.Lock()
        self._store: SecretStore | None = None
        self._answers: dict[str, Secret | None] = {}  # None: nobody answered
        self.mask = Mask()

    def password(self, host: Host, user: str) -> Secret:
        """The password that sudo on a host asks for.

        Args:
            host: The host.
            user: Whose password sudo wants: the ssh user's, or root's where sudoers says `targetpw`.

        Raises:
            HostFailed: There is none, and nobody to ask.
            SecretError: The secret that hosts.yml names is missing or can't be decrypted.
        """
        with self._lock:
            value = self._find(host, user)
            if not _is_line(value):
                raise HostFailed("sudo's password is empty, or isn't one line of text", host=host.name, hint=_WAYS)
            self.mask.add(value)
            self._emit(SecretRead(value))
            return value

    def _find(self, host: Host, user: str) -> Secret:
        given = os.environ.get(VARIABLE)
        if given:
            return Secret(given)
        if host.ssh.sudo_password:
            return self._secret(host, host.ssh.sudo_password)
        if user not in self._answers:
            self._emit(Asking(begins=True))
            try:
                prompt = f"sudo password of {user} on the hosts of {self._environment.name}: "
                self._answers[user] = Secret(self._ask(prompt))
            except (OSError, EOFError):
                self._answers[user] = None
            finally:
                self._emit(Asking(begins=False))
        answer = self._answers[user]
        if answer is None:
            raise HostFailed(f"sudo asks for {user}'s password, and there is none", host=host.name, hint=_WAYS)
        return answer

    def _secret(self, host: Host, name: str) -> Secret:
        if self._store is None:
            self._store = SecretStore(self._project, self._environment)
        value = self._store.get(name)
        if value is None:
            raise SecretError(
                f"sudo's password is to come from the secret '{name}', which isn't there",
                file=host.file,
                line=host.line,
                hint=unset_hint(self._project, self._environment, name),
            )
        return value


def _is_line(value: str) -> bool:
    try:
        return len(value.encode("utf-8")) > 0 and "\n" not in value
    except UnicodeEncodeError:  # the environment's bytes weren't UTF-8
        return False


def prompts(heard: str, nonce: str) -> list[str]:
    """The users whose passwords sudo has asked for so far, one for each prompt (see `start_command`)."""
    return re.findall(re.escape(nonce) + r"-sudo-([^\s%:]+):", heard)


def wants_terminal(heard: str) -> bool:
    """Whether sudo won't work without a terminal: `Defaults requiretty`."""
    return _NO_TERMINAL.search(heard) is not None


def expired(heard: str, host: Host) -> HostFailed | None:
    """The error when sudo says that the account or its password has expired: it goes on to ask for a new one."""
    said = next((line.strip() for line in heard.splitlines() if _EXPIRED.search(line)), None)
    if said is None:
        return None
    who = host.ssh.user or "the ssh user"
    hint = f"on the host, as root: `chage -l {host.ssh.user or 'USER'}` says which"
    return HostFailed(
        f"sudo refuses {who}, whose account or password has expired", host=host.name, hint=hint, detail=said
    )


def explain(heard: str, host: Host) -> HostFailed | None:
    """What sudo's own words mean, None when they aren't about sudo."""
    said = next((line.strip() for line in reversed(heard.splitlines()) if "sudo" in line), None)
    if _NOT_ALLOWED.search(heard):
        who = host.ssh.user or "the ssh user"
        hint = f"allow it in /etc/sudoers.d/ on the host (`{host.ssh.user or 'USER'} ALL=(ALL) ALL`), or log in as root"
        return HostFailed(f"{who} may not become root with sudo there", host=host.name, hint=hint, detail=said)
    if _NO_SUDO.search(heard):
        return HostFailed(
            "there is no sudo on this host", host=host.name, hint="install it, or log in as root (`ssh: {user: root}`)"
        )
    if wants_terminal(heard):
        return HostFailed(
            "sudo there insists on a terminal, and doesn't work with one either",
            host=host.name,
            hint="take `Defaults requiretty` out of sudoers for this user",
            detail=said,
        )
    return expired(heard, host)
