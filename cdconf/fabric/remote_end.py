"""Ends on a host what a script's ssh connection has started there: sshd by itself lets it run on."""

from __future__ import annotations

import re
import shlex
import time
from typing import TYPE_CHECKING

from paramiko import SSHException

from cdconf.errors import HostFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdconf.session import Session
    from cdconf.session.ssh_connection import SshConnection

WITHIN = 10.0  # seconds
LARGEST = 64 * 1024  # bytes that a login may print
MOST = 10_000  # processes of a login
# The login's own sshd, or the shell between it and this command, whose parent that is.
_WHO = "sh -c 'echo cdconf-login $PPID $(ps -o ppid= -p $PPID)'"
_SAID = re.compile(rb"cdconf-login ([0-9 ]{1,40})")
# All that an sshd of this user's has started, and nobody else's. It's stopped before it's ended: what a shell starts
# between the look and its end would stay, and be nobody's child.
_END = """
started() {{
    ps -eo pid=,ppid=,uid=,comm= | awk -v candidates={pids} -v known=,{known}, -v user="$(id -u {user})" '
    {{ parent[$1] = $2; owner[$1] = $3; name[$1] = $4 }}
    END {{
        count = split(candidates, pids, ",")
        for (place = 1; place <= count && !top; place++)
            if (name[pids[place]] ~ /^sshd/ && owner[pids[place]] == user) top = pids[place]
        if (!top) exit 1
        for (pid in parent) {{
            up = pid
            while (up > 1 && up != top) up = parent[up]
            if (up == top && pid != top && !index(known, "," pid ",")) print pid
        }}
    }}'
}}
found=$(started) || exit 1
for look in 1 2 3 4 5; do
    [ -n "$found" ] || exit 0
    kill -STOP $found 2>/dev/null
    again=$(started) || break
    [ "$(echo "$found" | sort)" != "$(echo "$again" | sort)" ] || break
    found=$again
done
kill -TERM $found 2>/dev/null
kill -CONT $found 2>/dev/null
echo $found
"""


def login_of(link: SshConnection) -> tuple[int, ...]:
    """The processes of which one is the sshd of this connection, as its login says; none where it doesn't."""
    try:
        channel = link.transport.open_session(timeout=WITHIN)
        try:
            channel.settimeout(WITHIN)
            channel.exec_command(_WHO)
            said, ends = b"", time.monotonic() + WITHIN
            while len(said) < LARGEST and time.monotonic() < ends and (more := channel.recv(4096)):
                said += more
        finally:
            channel.close()
    except (OSError, EOFError, SSHException):
        return ()
    found = _SAID.search(said)
    return tuple(int(word) for word in found[1].split()) if found else ()


def end_commands(session: Session, link: SshConnection, login: tuple[int, ...], known: Iterable[int] = ()) -> set[int]:
    """Ends all that runs in a connection, also what sudo started.

    Args:
        session: cdconf's own session to the same host, which is root.
        link: The script's connection.
        login: See `login_of`; whoever logs in may say what they like, so the host looks whose processes these are.
        known: Processes that were told to end already. A second signal could break off how they end.

    Returns:
        The processes that were told to end.

    Raises:
        HostFailed: Which processes are the connection's isn't known.
    """
    pids, told = (",".join(map(str, numbers)) or "0" for numbers in (login, known))
    ran = session.run(_END.format(pids=pids, known=told, user=shlex.quote(link.user)), timeout=WITHIN)
    if ran["status"] != 0:
        raise HostFailed("the host doesn't tell which processes are the connection's", host=session.host.name)
    return {int(word) for word in ran.get("stdout", b"").split()[:MOST] if word.isdigit()}
