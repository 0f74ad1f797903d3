"""A host's Fabric connection: opened as cdconf opens its own, everything else is Fabric's."""

from __future__ import annotations

import io
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import fabric
import fabric.runners
from paramiko import ChannelException, SSHConfig

from cdconf.fabric.masked import Masked, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdconf.fabric.script_run import ScriptRun
    from cdconf.inventory import Host
    from cdconf.session.ssh_connection import SshConnection

FORGETS_WITHIN = 3.0  # seconds
PROHIBITED = 1  # RFC 4254, 5.1: administratively
ALIVE = 30  # seconds between two messages on a connection on which nothing else happens


class Remote(fabric.runners.Remote):  # type: ignore[misc]
    """Runs a command. After Ctrl-C, Invoke would wait for its output to end, and sshd lets it run on."""

    def send_interrupt(self, interrupt: KeyboardInterrupt) -> None:
        """Ends the command, unless it has a terminal that can tell it."""
        if not self.using_pty:
            cast("ScriptRun", self.context.cdconf_run).interrupt(own=self.context.cdconf_host.name)
            self.channel.close()
        super().send_interrupt(interrupt)


class HostConnection(fabric.Connection):  # type: ignore[misc]
    """One host. `host` is the inventory's name of it; where it's reached is cdconf's to know.

    Args:
        host: The host, located.
        run: The script's run, which holds the host.
    """

    _sftp: Any

    def __init__(self, host: Host, run: ScriptRun) -> None:
        # Without this, Fabric reads ssh's configuration by itself, and would want a second way through it.
        config = fabric.Config(ssh_config=SSHConfig(), overrides={"runners": {"remote": Remote}})
        super().__init__(host.name, user=host.ssh.user, config=config, forward_agent=False)
        self._set(cdconf_host=host, cdconf_run=run, cdconf_link=None, cdconf_sudo=None)

    def open(self) -> None:
        """Connects and logs in; a connection that broke is opened again.

        Raises:
            Refused: The host doesn't answer, refuses the login, isn't who it was; or the lease was lost.
        """
        run = cast("ScriptRun", self.cdconf_run)
        run.check(self.cdconf_host)
        if self.is_connected:
            return
        link: SshConnection = run.log_in(self.cdconf_host)
        link.transport.set_keepalive(ALIVE)
        self._set(cdconf_link=link)
        self.client, self.transport = link.client, link.transport
        self.user, self.port = link.user, link.port

    def close(self) -> None:
        """Closes it, open or not."""
        if self._sftp is not None and self.is_connected:
            self._sftp.close()
        self._sftp = None
        if self.cdconf_link is not None:
            self.cdconf_link.close()
            self._set(cdconf_link=None)
        self.transport = None

    def create_session(self) -> Any:
        """A channel. A server that allows a single one (`MaxSessions 1`) takes a moment to forget the last one."""
        ends = time.monotonic() + FORGETS_WITHIN
        while True:
            try:
                return super().create_session()
            except ChannelException as error:
                if error.code == PROHIBITED or time.monotonic() > ends:
                    raise
            if self._sftp is not None:  # Fabric keeps it; it's opened again when it's needed
                self._sftp.close()
                self._sftp = None
            time.sleep(0.1)

    def open_gateway(self) -> None:
        """Jump hosts are the inventory's, and on the way already."""
        raise NotImplementedError("cdconf opens the connection, through the inventory's jump hosts")

    def run(self, command: str, **keywords: Any) -> Any:
        """Fabric's `run`; secrets are taken out of what's shown."""
        with self._at(f"run: {command}"), self._streams(keywords) as streams:
            return super().run(command, **keywords, **streams)

    def sudo(self, command: str, **keywords: Any) -> Any:
        """Fabric's `sudo`, with the password that cdconf itself would use: it's asked for once, if at all."""
        with self._at(f"sudo: {command}"), self._streams(keywords) as streams:
            if "password" not in keywords and self.config.sudo.password is None:
                keywords["password"] = self._password()
                if keywords["password"] and self.config.run.in_stream is None and not sys.stdin.isatty():
                    keywords.setdefault("in_stream", False)  # an input that has ended would end sudo's as well
            return super().sudo(command, **keywords, **streams)

    def shell(self, **keywords: Any) -> Any:
        """Fabric's `shell`."""
        with self._at("shell"):
            return super().shell(**keywords)

    def get(self, remote: str, local: Any = None, **keywords: Any) -> Any:
        """Fabric's `get`; `{host}` in `local` is the inventory's name of the host."""
        with self._at(f"get: {remote}"):
            return super().get(remote, local, **keywords)

    def put(self, local: Any, remote: str | None = None, **keywords: Any) -> Any:
        """Fabric's `put`, which also takes bytes."""
        name = local if isinstance(local, str) else "data"
        local = io.BytesIO(local) if isinstance(local, bytes) else local
        with self._at(f"put: {name}" + (f" -> {remote}" if remote else "")):
            return super().put(local, remote, **keywords)

    @contextmanager
    def _at(self, what: str) -> Iterator[None]:
        run, host = cast("ScriptRun", self.cdconf_run), self.cdconf_host
        with run.doing(host, what):
            self.open()
            yield

    @contextmanager
    def _streams(self, keywords: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The streams by which what the host prints is shown, unless the script has some of its own."""
        mask = cast("ScriptRun", self.cdconf_run).mask
        hide = keywords.get("hide", self.config.run.hide)
        names = {"out": "out_stream", "err": "err_stream"}
        own = {name: sys.stdout if name == "out" else sys.stderr for name in names}
        masked = {name: Masked(stream, mask) for name, stream in shown(hide, own).items()}
        masked = {name: one for name, one in masked.items() if keywords.get(names[name]) is None}
        try:
            yield {names[name]: one for name, one in masked.items()}
        finally:
            for one in masked.values():
                one.end()

    def _password(self) -> str | None:
        """What sudo asks for; nothing where it asks for none."""
        if self.cdconf_sudo is None:
            run = cast("ScriptRun", self.cdconf_run)
            asks = self.user != "root" and super().run("sudo -k -n true", hide=True, warn=True, in_stream=False).failed
            self._set(cdconf_sudo=str(run.sudo_password(self.cdconf_host, self.user)) if asks else "")
        return cast("str", self.cdconf_sudo) or None
