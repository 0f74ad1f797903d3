"""Somebody else to run the commit's own code as: a user who has nothing, with a directory of its own.

That takes root. Whoever isn't root has it run in a container without the keys, where an engine for containers answers.
Elsewhere only the variables are taken away, and `isolated` says so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cdconf.errors import CdconfError
from cdconf.isolation import kernel, sight, users
from cdconf.isolation.container import Container, container_for
from cdconf.isolation.guarding import GuardProcess
from cdconf.isolation.rights import Rights, prepare
from cdconf.isolation.variables import scrubbed
from cdconf.no_code import check_code
from cdconf.scratch import scratch

SWITCH = "CDCONF_ISOLATION"  # `off`: the operator runs the commit's code with all rights, and proves less
ISOLATED = "CDCONF_ISOLATED"  # tells a cdconf that such code starts why it can't do much
_NAME = "cdconf"
_DATA = ".cdconf"
_ENTERED = 0o711  # others may pass through to what's theirs, and see nothing


class Account:
    """Who runs the commit's own code; see `account`.

    Args:
        folder: A directory of this run, which others can pass through where `user` isn't None.
        user: The user's id, which is its group's too; None: this process's own user.
        why: Why it's nobody else, for people.
        closed: See `sight.hidden`.

    Attributes:
        container: Where it runs, when that's what keeps it from the keys.
        home: Its own directory, which is removed at the end with all that's in it.
    """

    def __init__(self, folder: Path, user: int | None, why: str, closed: dict[Path, list[Path]]) -> None:
        self.container: Container | None = None
        self.guard: GuardProcess | None = None  # of what runs as this process's user
        self.folder = folder
        self.user = user
        self.why = why
        self._closed = closed
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        (self.home / "tmp").mkdir(mode=0o700)
        self.give(self.home)

    @property
    def isolated(self) -> bool:
        """Whether it can reach neither this process nor what its user keeps from others."""
        return self.user is not None or self.container is not None

    def give(self, path: Path) -> None:
        """Makes a path, with everything below, the account's own. Links aren't followed."""
        if self.user is None:
            return
        os.chown(path, self.user, self.user, follow_symlinks=False)
        if path.is_dir() and not path.is_symlink():
            for above, folders, files in os.walk(path):
                for name in (*folders, *files):
                    os.chown(f"{above}/{name}", self.user, self.user, follow_symlinks=False)

    def lend(self, descriptor: int) -> None:
        """Lets it open again, by way of /dev/stdout, what it has open already; else a shell's `>/dev/stderr` fails."""
        if self.user is not None:
            os.fchown(descriptor, self.user, self.user)

    @property
    def rights(self) -> Rights | None:
        """What a process that becomes this account has left; None: all that this one has."""
        if self.user is None:
            return None
        closed = {str(above): list(map(str, paths)) for above, paths in self._closed.items()}
        return Rights(self.user, closed, str(self.folder))

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """All of a process's environment: some variables, and those that `scrubbed` leaves of this process's."""
        environment = scrubbed(os.environ)
        if self.isolated:
            environment |= {"HOME": str(self.home), "TMPDIR": str(self.home / "tmp"), "USER": _NAME, "LOGNAME": _NAME}
            environment[ISOLATED] = "1"
        return {**environment, **(self.guard.mark if self.guard is not None else {}), **variables}

    def start(
        self, command: Sequence[str], cwd: Path, variables: Mapping[str, str], **options: Any
    ) -> subprocess.Popen[Any]:
        """Starts a command, in a session of its own.

        Args:
            command: The argument list.
            cwd: Where it begins.
            variables: See `environment`.
            options: Those of `subprocess.Popen`.

        Raises:
            OSError: It can't be started.
        """
        if self.container is not None:
            return self.container.start(command, cwd, self.environment(variables), options)
        options = {**options, "cwd": cwd, "env": self.environment(variables), "start_new_session": True}
        rights = self.rights
        if rights is None:
            return subprocess.Popen(command, **options)
        return _in_a_thread(command, {**options, "user": self.user, "group": self.user, "extra_groups": []}, rights)

    def end(self) -> None:
        """Ends all that it has started, also what doesn't want to."""
        if self.user is not None:
            users.end_all(self.user)
        if self.container is not None:
            self.container.end()

    def close(self) -> None:
        """Ends all that it has started, where it could, and watches over nothing any more."""
        self.end()
        if self.guard is not None:
            self.guard.close()

    def take(self, path: Path) -> Path:
        """Brings a file out: a copy that the account can't change any more. Nothing may be running.

        Args:
            path: Below `folder`.

        Raises:
            CdconfError: It's a link, lies behind one, isn't a file, or isn't the account's own.
        """
        if not self.isolated:
            return path
        owner = os.geteuid() if self.user is None else self.user
        place = self.folder / "out"
        place.mkdir(mode=0o700, exist_ok=True)
        copy = place / path.name
        descriptor = _opened(self.folder, path.relative_to(self.folder))
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != owner:
            os.close(descriptor)
            raise CdconfError(f"{path.name} isn't a file that was made here")
        with os.fdopen(descriptor, "rb") as source, copy.open("xb") as target:
            shutil.copyfileobj(source, target)
        return copy


@contextlib.contextmanager
def account(kind: str, hidden: Sequence[Path] = ()) -> Iterator[Account]:
    """Somebody to run the commit's own code as; all that it has started is ended with the block.

    Args:
        kind: What for, in the name of its directory.
        hidden: Directories of this user's that it mustn't see, wherever they lie: the project, with its data. A
            pipeline's checkout of a commit stands for the directory whose data it borrows, too.

    Raises:
        OSError: There's no place for temporary files.
        CodeRefused: Nothing of the project's may run.
    """
    check_code(f"what runs for '{kind}'")  # whoever knows a better name for it has said so before
    with contextlib.ExitStack() as stack:
        user, why = _somebody(stack)
        folder = stack.enter_context(scratch(kind)).resolve()
        closed: dict[Path, list[Path]] = {}
        if user is not None:
            folder.chmod(_ENTERED)
            needed = [folder, *sight.python_paths()]
            closed = sight.hidden(needed)
            tools = [tool for tool in sight.tools(os.environ.get("PATH", "")) if sight.unreadable([tool]) is None]
            if closed and _can_show():
                closed = sight.hidden([*needed, *tools])
            elif closed:
                where = ", ".join(map(str, closed))
                user, why = None, f"others can't enter {where}, and the kernel allows no mounts here"
        made = Account(folder, user, why, closed)
        stack.callback(made.close)
        if user is None and os.geteuid() != 0 and os.environ.get(SWITCH) != "off":
            made.container, lacking = container_for(folder, made.home, private(hidden))
            made.why = "" if made.container is not None else f"{why}, and no container can be made: {lacking}"
        if not made.isolated:
            made.guard = GuardProcess()
        yield made


def private(projects: Sequence[Path]) -> list[Path]:
    """Projects' directories, and those that their data are in."""
    found = []
    for project in projects:
        data = (project / _DATA).resolve()
        found.append(project)
        if project.resolve().is_relative_to(data):
            found.append(data.parent)
        elif not data.is_relative_to(project.resolve()):
            found.append(data)
    return found


def _somebody(stack: contextlib.ExitStack) -> tuple[int | None, str]:
    """A user's id; or None, and why."""
    if os.environ.get(SWITCH) == "off":
        return None, f"{SWITCH} is off"
    if os.geteuid() != 0:
        return None, "only root can run something as another user"
    lacking = users.lacking()
    if lacking is not None:
        return None, lacking
    dark = sight.unreadable(sight.python_paths())
    if dark is not None:
        return None, f"others can't read {dark}"
    user = stack.enter_context(users.free_user())
    return user, "" if user is not None else "no user id is free"


def _can_show() -> bool:
    found: list[bool] = []

    def attempt() -> None:
        with contextlib.suppress(OSError):
            kernel.own_mounts()
            found.append(True)

    thread = threading.Thread(target=attempt, name="cdconf-mounts")
    thread.start()
    thread.join()
    return bool(found)


def _in_a_thread(command: Sequence[str], options: dict[str, Any], rights: Rights) -> subprocess.Popen[Any]:
    """Starts it from a thread that has given up its rights: what the kernel takes from it, the process never had."""
    started: list[subprocess.Popen[Any]] = []
    failed: list[BaseException] = []

    def start() -> None:
        try:
            prepare(rights)
            started.append(subprocess.Popen(command, **options))
        except BaseException as error:  # noqa: BLE001  raised where it was asked for
            failed.append(error)

    thread = threading.Thread(target=start, name="cdconf-isolated")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return started[0]


def _opened(base: Path, relative: Path) -> int:
    """A file below a directory, opened part by part: none may be a link."""
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for number, part in enumerate(relative.parts, 1):
            kind = os.O_NONBLOCK if number == len(relative.parts) else os.O_DIRECTORY
            above = descriptor
            try:
                descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=above)
            finally:
                os.close(above)
    except OSError as error:
        text = f"{relative.name} can't be taken out: it's a link, or lies behind one ({error.strerror})"
        raise CdconfError(text) from error
    return descriptor
