"""A PostgreSQL server of one's own, from the programs that the system has; on a unix socket, gone afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path


def programs() -> Path | None:
    """Where PostgreSQL's programs are, the newest version's; None without them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    which = shutil.which("initdb")
    return found[-1].parent if found else Path(which).parent if which else None


class Server:
    """Runs while it's entered. PostgreSQL refuses root, so root starts it as another user."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self.folder = Path(tempfile.mkdtemp(prefix="cdconf-pg-", dir="/tmp"))
        self.user = None
        if os.geteuid() == 0:
            known = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in known else "nobody"
            shutil.chown(self.folder, self.user)

    @property
    def url(self) -> str:
        return f"postgresql://tester@/postgres?host={self.folder}"

    def _run(self, *words: str) -> None:
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            subprocess.run(
                [str(self.where / words[0]), *words[1:]],
                user=self.user,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
                timeout=60,
            )

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def _processes(self) -> list[int]:
        """The server's, and those of its connections."""
        first = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def freeze(self) -> None:
        """Stops all of it, as a machine does that hangs."""
        for one in self._processes():
            os.kill(one, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        for one in self._processes():
            os.kill(one, signal.SIGCONT)

    def __enter__(self) -> "Server":
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "tester", "-A", "trust", "--no-sync")
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if (self.folder / "data/postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder)
        (self.folder.parent / f"{self.folder.name}.log").unlink()
