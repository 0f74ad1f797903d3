"""Runs all cases of the types with each Python that the agent supports, on hosts whose `python3` is that one.

    python -m tests.resources.pythons 3.6 3.13

Without versions it's all of them. Ends with 1 when a case fails.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from cdconf.authoring.cases import CaseFailed, CaseHost, cases_of, run_case
from cdconf.errors import CdconfError
from cdconf.resources.discovery import Types
from tests.agent.private import VERSIONS, find
from tests.case_host import case_host
from tests.hosts.live import container


def bring(name: str, python: Path) -> str:
    """Copies an installation of Python to a container, where it becomes `python3`; returns the version that it says."""
    home = python.parents[1]
    packed = subprocess.Popen(
        ["tar", "-C", "/", "--exclude=test", "-cf", "-", str(home.relative_to("/"))],
        stdout=subprocess.PIPE,
    )
    with packed:
        subprocess.run(["docker", "exec", "-i", name, "tar", "-C", "/", "-xf", "-"], stdin=packed.stdout, check=True)
    compiled = f"{python} -m compileall -q {home}/lib >/dev/null"  # else modules are, while a case looks for changes
    link = f"ln -sf {python} /usr/local/bin/python3"
    line = f"{compiled}; {link} && python3 -c 'import sys; print(sys.version.split()[0])'"
    done = subprocess.run(["docker", "exec", name, "sh", "-c", line], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def failures(host: CaseHost) -> list[str]:
    """Runs all cases; what failed, and why."""
    types, failed = Types(), []
    for kind in sorted(types):
        for case in cases_of(types.folder(kind)):
            try:
                run_case(host, case)
            except (CaseFailed, CdconfError) as error:
                failed.append(f"{kind}: {case['name']}: {error}")
                print(failed[-1], file=sys.stderr, flush=True)
    return failed


def main() -> int:
    """Returns 1 when a case failed."""
    failed = []
    for version in sys.argv[1:] or VERSIONS:
        with tempfile.TemporaryDirectory() as name, case_host(Path(name)) as host:
            host.leave()
            said = bring(container(Path(name), "host"), Path(find(version)))
            running = host.session.run("readlink -f /proc/$PPID/exe", timeout=60)["stdout"].decode().strip()
            found = failures(host)
            print(f"Python {said} ({running}): {len(found)} failed", flush=True)
            failed += found
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
