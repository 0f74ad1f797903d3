"""Installs Python on a host that has none, with its own package manager, through /bin/sh."""

from __future__ import annotations

# apt-get's first try works from the index that's there; only when that fails is a fresh one fetched.
_APT = (
    "-y -q -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "
    "-o Acquire::Retries=3 -o Acquire::http::Timeout=60 --no-install-recommends"
)
_STEP_LIMIT = 300
TIMEOUT = 900.0  # seconds for everything; the host itself ends each step after _STEP_LIMIT

_INSTALL = f"""
export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical NEEDRESTART_SUSPEND=1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
has() {{ command -v "$1" >/dev/null 2>&1; }}
if has timeout && timeout {_STEP_LIMIT} true; then t="timeout {_STEP_LIMIT}"; else t=; fi
if has apt-get; then
$t apt-get {_APT} install python3 || {{ $t apt-get -q update && $t apt-get {_APT} install python3; }}
elif has dnf; then $t dnf -y -q install python3
elif has yum; then $t yum -y -q install python3
elif has apk; then $t apk add -q --no-progress python3
else echo "no apt-get, dnf, yum or apk here"
fi
"""


def install_line(start: str) -> str:
    """One line for /bin/sh: installs Python, then starts again; what installers print goes to stderr.

    Args:
        start: The command line that starts the agent.
    """
    words = _INSTALL.strip().replace("then\n", "then ").replace("\n", "; ").replace("; elif", "; elif")
    return f"( {words} ) >&2 </dev/null; exec {start}\n"
