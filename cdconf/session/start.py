"""From a login to the agent's first frame: chatter is skipped, sudo gets its password, Python and agent arrive."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError, HostFailed, NotStarted, Unreachable
from cdconf.session import bootstrap, bundle, sudo
from cdconf.session.transport import TransportClosed, TransportSilent

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdconf.inventory import Host
    from cdconf.session.transport import Transport

TIMEOUT = 30.0
_CHATTER = 256 * 1024  # what a login may print before the agent's nonce
_TIMES = 2  # for which a host may ask for the same: once more after Python was installed
_GLANCE = 0.05  # seconds between looks at stderr, where sudo's prompt appears


class TerminalNeeded(Exception):
    """sudo on this host works on a terminal only: start again with one."""


class NoPython(NotStarted):
    """The host has no Python 3, or not all of it. `system`: what's known of it, as in the fact `os`."""

    system: Mapping[str, str] = MappingProxyType({})


class Start:
    """One attempt to start the agent.

    Args:
        transport: Has just begun to run `start_command`.
        host: The host.
        nonce: The one in the command.
        agent: What to send when it's asked for.
        passwords: sudo's.
        announce: Hears what takes long, in words for people.
        install: Install Python where there is none.
        terminal: The command has one.

    Attributes:
        ready: After `run`, what the agent said of itself behind `ready`.
        rest: After `run`, bytes that came after that.
    """

    def __init__(
        self,
        transport: Transport,
        host: Host,
        nonce: str,
        agent: bundle.Bundle,
        passwords: sudo.SudoPasswords,
        announce: Callable[[str], None],
        *,
        install: bool = False,
        terminal: bool = False,
    ) -> None:
        self._transport = transport
        self._host = host
        self._nonce = nonce
        self._agent = agent
        self._passwords = passwords
        self._announce = announce
        self._install = install
        self._terminal = terminal
        self._sudo = host.ssh.become == "sudo"
        self._answered = 0
        self._said: Counter[str] = Counter()
        self._installing = False
        self._limit = TIMEOUT
        self._deadline = time.monotonic() + TIMEOUT
        self.ready = ""
        self.rest = b""

    def run(self) -> None:
        """Goes on until the agent is ready.

        Raises:
            Unreachable: The connection broke, or nothing came in time.
            NotStarted: The agent can't run there; the message says why.
            HostFailed: sudo's password is wrong, or there's none.
            TerminalNeeded: See there.
        """
        while True:
            word, _, more = self._word().partition(" ")
            if word == "ready":
                self.ready = more
                return
            self._said[word] += 1
            if self._said[word] > _TIMES:
                raise self._refusal(word, more)
            if word == "need":
                installer = bundle.installer()
                self._send_parts(installer, self._agent.data)
            elif word == "deflated":
                self._send_parts(self._agent.deflated())
            elif word in ("nopython", "incomplete") and self._install and not self._installing:
                self._install_python(more if word == "incomplete" else "")
            else:
                raise self._refusal(word, more)

    def _send_parts(self, *parts: bytes) -> None:
        self._send(b"".join(f"{len(part)}.".encode() + part for part in parts))

    def _install_python(self, lacking: str) -> None:
        why = f"its Python has no module '{lacking}'" if lacking else "there is no Python"
        self._announce(f"installing python3, because {why}")
        self._installing = True
        self._limit = bootstrap.TIMEOUT
        self._deadline = time.monotonic() + self._limit
        start = bundle.start_line(self._agent.digest, self._nonce)
        self._send(bootstrap.install_line(start).encode())

    def _word(self) -> str:
        """The next thing that the agent says."""
        marker = self._nonce.encode() + b" "
        while True:
            start = self.rest.find(marker)
            end = self.rest.find(b"\n", start) if start >= 0 else -1
            if end >= 0:
                word = self.rest[start + len(marker) : end].decode("utf-8", "replace").strip()
                self.rest = self.rest[end + 1 :]
                return word
            data = self._more()  # it may add to `rest` itself
            self.rest += data
            if len(self.rest) > _CHATTER:
                hint = f"look at what `ssh {self._host.name} true` prints; the login shell's files may do it"
                raise NotStarted("the login prints without end; the agent can't start", host=self._host.name, hint=hint)

    def _heard(self) -> str:
        """All that was printed so far, by anything."""
        return self.rest.decode("utf-8", "replace") + "\n" + self._transport.heard()

    def _more(self) -> bytes:
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise self._too_late()
            try:
                data = self._transport.read(65536, min(left, _GLANCE) if self._sudo else left)
            except TransportSilent:
                self._answer_sudo()
                continue
            except TransportClosed as error:
                raise Unreachable(f"the connection broke at the start: {error}", host=self._host.name) from error
            if not data:
                raise self._ended()
            if self._terminal:
                self.rest += data
                self._answer_sudo()
                data = b""
            return data

    def _answer_sudo(self) -> None:
        """Gives the password to sudo's first prompt; a second one means that it was wrong."""
        heard = self._heard()
        users = sudo.prompts(heard, self._nonce)
        gone = sudo.expired(heard, self._host) and sudo.expired(self._words(), self._host)
        if gone is not None:
            raise self._masked(gone)
        if len(users) <= self._answered:
            return
        if self._answered:
            raise self._masked(
                HostFailed(
                    f"sudo doesn't accept {users[0]}'s password",
                    host=self._host.name,
                    hint="it was tried once; try it with `sudo -k true` on the host, which must ask for nothing else",
                )
            )
        began = time.monotonic()
        password = self._passwords.password(self._host, users[0])
        self._deadline += time.monotonic() - began  # a person's time isn't the host's
        self._answered += 1
        self._send(password.encode("utf-8", "surrogateescape") + b"\n")

    def _send(self, data: bytes) -> None:
        try:
            self._transport.write(data)
        except (TransportClosed, TimeoutError) as error:
            raise Unreachable(f"the connection broke at the start: {error}", host=self._host.name) from error

    def _masked(self, error: CdconfError) -> CdconfError:
        error.message = self._passwords.mask(error.message)
        error.detail = self._passwords.mask(error.detail) if error.detail else None
        return error

    def _words(self) -> str:
        """What was printed, without our own prompts and words, for people to read."""
        self._transport.last_words()  # waits a moment for what's on its way
        mine = re.escape(self._nonce) + r"(-sudo-[^\s:]*:| \S+)"
        lines = [re.sub(mine, "", line).strip() for line in self._heard().splitlines()]
        return "\n".join([line for line in lines if line][-15:])

    def _too_late(self) -> CdconfError:
        words = self._words()
        hint = "the login shell, a ForceCommand or sudo may wait for something"
        if self._installing:
            hint = "look at what its package manager does; python3 can be installed by hand, too"
        what = "installing python3 didn't end" if self._installing else "logged in, but the agent didn't start"
        message = f"{what} within {self._limit:g} s"
        return self._masked(Unreachable(message, host=self._host.name, hint=hint, detail=words or None))

    def _ended(self) -> CdconfError | TerminalNeeded:
        """What the end of the stream means, from what was said before it."""
        words = self._words()
        if self._sudo:
            if sudo.wants_terminal(words) and not self._terminal:
                return TerminalNeeded()
            explained = sudo.explain(words, self._host)
            if explained is not None:
                return self._masked(explained)
        status = self._transport.status()
        if not words and status is None:  # a login that ends by itself has one
            return Unreachable("the connection broke at the start: the host ended it", host=self._host.name)
        if not words:
            message = "the login ended without a word" + (f" (exit status {status})" if status else "")
        else:
            message = "the agent didn't start; the login said: " + words.splitlines()[-1]
        hint = f"the agent needs a login that runs commands, without ForceCommand or nologin: {_try(self._host)}"
        detail = words if "\n" in words else None
        return self._masked(NotStarted(message, host=self._host.name, detail=detail, hint=hint))

    def _refusal(self, word: str, more: str) -> CdconfError:
        python = "install python3 there, or set `bootstrap: true` in hosts.yml and run `cdconf provision`"
        if self._host.bootstrap:
            python = "run `cdconf provision`, which installs it"
        reasons = {
            "nopython": ("there is no Python 3 on this host, and the agent needs one", python),
            "incomplete": (f"its Python lacks a part of the standard library (the module '{more}')", python),
            "old": (
                f"its Python is {more}; the agent needs 3.6 or newer",
                "install a newer python3; /usr/libexec/platform-python and /usr/local/bin/python3 are found, too",
            ),
            **dict.fromkeys(
                ("need", "deflated"),
                ("it asks for the agent again and again", "look at the host by hand: it may be somebody else's"),
            ),
            "corrupt": ("the agent arrived damaged", "run again; if it happens twice, something alters the connection"),
            "uncacheable": (
                "the agent is kept in a directory that others could write to, so it doesn't start from there",
                f"look at owner and mode of {more} and the directories above it: root's, 0700",
            ),
            "unwritable": (
                f"the agent can't be kept on the host: {more}",
                "/var/lib/cdconf (for root) or ~/.local/state/cdconf must be writable and nobody else's, and not full",
            ),
        }
        message, hint = reasons.get(word, (f"the agent said '{word}'", None))
        if self._installing and word in ("nopython", "incomplete"):
            message, hint = "python3 couldn't be installed", "see what the package manager said, above"
        elif word in ("nopython", "incomplete"):
            error = NoPython(message, host=self._host.name, hint=hint)
            if word == "nopython" and more:
                name, _, version = more.partition(" ")
                error.system = {"id": name, "version": version}
            return error
        detail = self._words() if self._installing else None
        return self._masked(NotStarted(message, host=self._host.name, hint=hint, detail=detail))


def _try(host: Host) -> str:
    if host.transport != "ssh":
        return "try a shell there"
    address = host.ssh.address or host.address or host.name
    who = f"{host.ssh.user}@{address}" if host.ssh.user else address
    port = f"-p {host.ssh.port} " if host.ssh.port else ""
    return f"try `ssh {port}{who} true`"
