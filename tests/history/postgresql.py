"""A PostgreSQL server of one's own, from the programs that the system has; on a unix socket, gone afterwards."""

import atexit
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO


def programs() -> Path | None:
    """Where PostgreSQL's programs are, the newest version's; None without them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    which = shutil.which("initdb")
    return found[-1].parent if found else Path(which).parent if which else None


class Server:
    """Runs while it's entered. PostgreSQL refuses root, so root starts it as another user."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self.folder = _folder()
        self.user = _user()

    @property
    def url(self) -> str:
        return f"postgresql://tester@/postgres?host={self.folder}"

    def _run(self, *words: str) -> None:
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            _run([str(self.where / words[0]), *words[1:]], self.user, log)

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
        subprocess.run(["cp", "-a", _made(self.where), self.folder / "data"], check=True)
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if (self.folder / "data/postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder)
        (self.folder.parent / f"{self.folder.name}.log").unlink()


@functools.cache
def _made(where: Path) -> Path:
    """What initdb makes, which takes as long as ten copies of it: once in each process, gone at its end."""
    folder = _folder()
    atexit.register(shutil.rmtree, folder)
    with tempfile.TemporaryFile() as log:
        words = [str(where / "initdb"), "-D", str(folder / "data"), "-U", "tester", "-A", "trust", "--no-sync"]
        _run(words, _user(), log)
    return folder / "data"


def _user() -> str | None:
    """Whose the server's processes are; None when they may be this process's own."""
    if os.geteuid() != 0:
        return None
    return "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"


def _folder() -> Path:
    """A new directory that the server's user may write to."""
    folder = Path(tempfile.mkdtemp(prefix="cdconf-pg-", dir="/tmp"))
    if user := _user():
        shutil.chown(folder, user)
    return folder


def _run(words: list[str], user: str | None, log: IO[bytes]) -> None:
    """Runs a program of PostgreSQL."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
    subprocess.run(words, user=user, cwd="/", check=True, timeout=60, **streams)
