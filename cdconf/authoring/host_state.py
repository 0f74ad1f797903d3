"""What the host of a case is at a moment: the scripts that look, and what of their output counts.

A look runs twice a case. Its programs cost the host more than what they find out, so the host prints all that it has,
and what doesn't count is left out here.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# What check mode could have touched beside files, and what lies in memory alone. Directories of the system change there
# as sessions come and go, so their times tell nothing. Which units are enabled or masked is in files alone.
STATE = r"""
export LC_ALL=C
echo '== files'
find /dev /tmp /run \( -path '/run/systemd/*' ! -path '/run/systemd/system*' ! -path '/run/systemd/transient*' \
  -o -path '/run/user/*' -o -path '/dev/pts*' -o -path '/dev/shm/PostgreSQL*' -o -path /run/utmp \
  -o -path '/run/motd*' -o -path '/run/postgresql*' -o -path '/run/containers/*' -o -path '/run/libpod/*' \
  -o -path '/run/crun/*' \) -prune \
  -o -type f -printf '%p %m %u %g %s %T@ %C@ %i\n' -o -printf '%p %y %m %u %g %l\n'
echo '== mounts'
cat /proc/mounts /proc/swaps 2>/dev/null
if command -v systemctl >/dev/null; then
  echo '== units'
  systemctl list-units --all --plain --no-legend
  echo '== services'
  systemctl show --property=Id,MainPID,StateChangeTimestampMonotonic '*.service'
fi
echo '== kernel'
grep -rs . /proc/sys/net /proc/sys/vm/swappiness /proc/sys/kernel/*name
echo '== network'
if command -v ip >/dev/null; then ip -o address; ip route show table all; ip rule; fi
command -v nft >/dev/null && nft list ruleset
echo "== processes $$"
ps -e -o pid=,sid=,comm=
true
"""
# The kernel stamps files with the time of its last tick, which may be 10 ms ago: nothing may change so soon.
MARK = "echo '== moment'; date +%s.%N; sleep 0.05\n"
# Whatever has changed since a moment. ctime tells of what touch(1) hides, of owners, modes, ACLs and hard links; a file
# that's gone or renamed shows in its directory. Logs and cdconf's own directory may change, and so may what a running
# database server, the kernel and systemd write about themselves, and what comes and goes with containers.
CHANGED = r"""
export LC_ALL=C
find / -ignore_readdir_race -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp \
  -o -path /var/log -o -path /var/lib/cdconf -o -path /var/lib/systemd/timers -o -path /var/lib/postgresql \) -prune \
  -o -path '/var/lib/containers/*.lock' -prune -o -newerct @%s -printf '%%p %%y %%m %%u %%g %%s %%c %%l\n' || exit
"""


def parts(text: str) -> dict[str, list[str]]:
    """The lines of each part of a look, by its heading."""
    found: dict[str, list[str]] = {}
    lines: list[str] = found.setdefault("", [])
    for line in text.splitlines():
        if line.startswith("== "):
            lines = found.setdefault(line[3:], [])
        else:
            lines.append(line)
    return found


def counted(look: Mapping[str, list[str]]) -> frozenset[str]:
    """What counts of the parts of a look at `STATE`, each in a line."""
    found: set[str] = set()
    for heading, lines in look.items():
        name, _, detail = heading.partition(" ")
        count = _COUNTS.get(name)
        if name == "processes":
            found |= _processes(lines, detail)
        elif count is not None:
            found |= set(count(lines))
    return frozenset(found)


def _all(lines: list[str]) -> Iterable[str]:
    return lines


def _mounts(lines: list[str]) -> Iterable[str]:
    return (line for line in lines if "/var/lib/containers" not in line)


def _units(lines: list[str]) -> Iterable[str]:
    for line in lines:
        changes = any(one in line for one in ("session", "user-", "ssh"))
        if not changes and not line.startswith(("podman", "var-lib-containers", "tmp-crun")):
            yield " ".join(line.split())


def _services(lines: list[str]) -> Iterable[str]:
    """A service that was restarted or reloaded looks as before, but for when."""
    for block in "\n".join(lines).split("\n\n"):
        if not any(one in block for one in ("session", "user", "ssh", "podman")):
            yield " ".join(block.split())


def _kernel(lines: list[str]) -> Iterable[str]:
    return (line for line in lines if "conntrack_count" not in line)


def _processes(lines: list[str], mine: str) -> set[str]:
    """How many of each name there are, without those of the session that looks, and without what comes and goes."""
    rows = [one for one in (line.split(None, 2) for line in lines) if len(one) == 3]
    sessions = {session for process, session, _ in rows if process == mine}
    names = Counter(
        name
        for _, session, name in rows
        if session not in sessions
        and not name.startswith(("postgres", "runc", "kworker"))
        and not any(one in name for one in ("ssh", "podman", "conmon", "crun"))
    )
    return {f"{count} {name}" for name, count in names.items()}


_COUNTS: Mapping[str, Callable[[list[str]], Iterable[str]]] = {
    "files": _all,
    "mounts": _mounts,
    "units": _units,
    "services": _services,
    "kernel": _kernel,
    "network": _all,
}
