"""A container that has this machine's programs and none of its keys, for whoever isn't root but has an engine.

It's made of nothing: an empty image, in which /usr, Python and the like are mounted, so that nothing is downloaded.
Its first process reads a pipe which only the controller holds. When the controller ends, however that happens, the
first process does, and the kernel kills everything else in the container.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdconf.isolation.shown import mounts, private_places

ENGINES = ("docker", "podman")
IMAGE = "cdconf-nothing:1"
_PATIENCE = 30.0  # seconds for a call of the engine
_NOBODY = "65534:65534"  # whom the first process is: the code can't look into it, nor open its pipe
_OWN = ("/tmp", "/var/tmp", "/run")  # noqa: S108  the container's own, in memory
_EMPTY_TAR = bytes(10240)
_FIRST = ["/bin/sh", "-c", "echo up; exec cat >/dev/null"]
_PROBE = """
import json, os, sys
token, made, *private = sys.argv[1:]
open(made, "x").close()
print(json.dumps({"token": open(token).read(), "seen": [one for one in private if os.access(one, os.R_OK)]}))
"""
_ENTER = """
import json, os, sys
variables, merged, cwd, *command = sys.argv[1:]
with open(variables) as stream:
    environment = json.load(stream)
if merged:
    os.dup2(1, 2)
os.chdir(cwd)
os.execvpe(command[0], command, environment)
"""
_PYTHON = [sys.executable, "-I", "-S", "-c"]


class NoContainer(Exception):
    """Why an engine gives none."""


@dataclass
class Container:
    """A container of one account.

    Attributes:
        engine: The engine's program.
        folder: The account's directory, which can be read there; `home` in it can be written to, too.
        hidden: Directories that must not be seen, even where they lie below something that's shown.
    """

    engine: str
    folder: Path
    home: Path
    hidden: Sequence[Path]
    _name: str = ""
    _user: str = ""
    _first: subprocess.Popen[bytes] | None = None
    _number: int = 0
    _client: dict[str, Any] = field(default_factory=lambda: {"stderr": subprocess.PIPE, "start_new_session": True})

    def begin(self) -> None:
        """Starts it, and finds out by looking from within that it shows what it should, and nothing else.

        Raises:
            NoContainer: The engine doesn't answer, or can't make such a container.
            OSError: The account's directory can't be written to.
        """
        self._make_image()
        self._name = f"cdconf-code-{secrets.token_hex(8)}"
        command = [self.engine, "run", "--rm", "--interactive", "--name", self._name]
        command += ["--label", "cdconf.isolated=1", "--label", f"cdconf.user={os.geteuid()}"]
        command += ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", _NOBODY]
        command += ["--security-opt", "label=disable"]  # SELinux would keep it from reading what's mounted
        for path in _OWN:
            command += ["--tmpfs", f"{path}:exec,mode=1777"]
        command += [*mounts(self.folder, self.home, self.hidden), IMAGE, *_FIRST]
        first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **self._client)
        self._first = first
        try:
            if first.stdout is None or not select.select([first.stdout], [], [], _PATIENCE)[0]:
                raise NoContainer(f"{self._engine_name} doesn't answer")
            if first.stdout.readline() != b"up\n":
                raise NoContainer(self._complaint(first.communicate(timeout=_PATIENCE)[1]))
            self._user = self._owner()
        except subprocess.TimeoutExpired as error:
            self.end()
            raise NoContainer(f"{self._engine_name} doesn't answer") from error
        except BaseException:
            self.end()
            raise

    def start(
        self, command: Sequence[str], cwd: Path, environment: Mapping[str, str], options: Mapping[str, Any]
    ) -> subprocess.Popen[Any]:
        """Starts a command in it; what's returned ends with the command's exit status.

        Args:
            command: The argument list.
            cwd: Where it begins.
            environment: Its environment, whole. It goes through a file: a command line can be read by everybody.
            options: Those of `subprocess.Popen`, for the engine's program.

        Raises:
            OSError: It can't be started.
        """
        if self._first is None:
            try:
                self.begin()
            except NoContainer as error:
                raise OSError(f"the container can't be started again: {error}") from error
        self._number += 1
        variables = self.home / f".environment-{self._number}.json"
        descriptor = os.open(variables, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(dict(environment), stream)
        # The engine has a stream for each: what goes into one file would lose its order.
        merged = "merged" if options.get("stderr") == subprocess.STDOUT else ""
        inside = [*_PYTHON, _ENTER, str(variables), merged, str(cwd), *command]
        # The engine's program is the operator's: it may need the variables that tell where the engine is.
        return subprocess.Popen(self._exec(self._user, inside), start_new_session=True, **options)

    def end(self) -> None:
        """Ends everything in it, and removes it.

        Raises:
            TimeoutError: The engine doesn't do that.
        """
        first, self._first = self._first, None
        if first is None:
            return
        for pipe in (first.stdin, first.stdout, first.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            first.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            first.kill()
            first.wait()
            try:
                removed = self._call(["rm", "--force", self._name])
            except NoContainer as error:
                raise TimeoutError(f"the container {self._name} can't be ended: {error}") from error
            if removed.returncode != 0:
                raise TimeoutError(
                    f"the container {self._name} can't be ended: {self._complaint(removed.stderr)}"
                ) from None

    def _owner(self) -> str:
        """As whom the code has to run there so that what it makes belongs to this user here.

        An engine that runs as root knows this user by the same number; one that runs as this user calls it root.
        """
        token = self.folder / "token"
        token.write_text(secrets.token_hex(16), "ascii")
        private = [str(place) for place in private_places()]
        problem = "it can't be told whose files are made in it"
        for user in (f"{os.geteuid()}:{os.getegid()}", "0:0"):
            made = self.home / f".made-by-{user.partition(':')[0]}"
            done = self._call(self._exec(user, [*_PYTHON, _PROBE, str(token), str(made), *private])[1:])
            try:
                told = json.loads(done.stdout)
                owner = made.lstat().st_uid
                made.unlink()
            except (ValueError, OSError):
                problem = self._complaint(done.stderr)
                continue
            if told["token"] != token.read_text("ascii"):
                raise NoContainer(f"{self._engine_name}'s engine has other files than this machine")
            if told["seen"]:
                raise NoContainer(f"the container would show {', '.join(told['seen'])}")
            if owner == os.geteuid():
                token.unlink()
                return user
        raise NoContainer(problem)

    def _make_image(self) -> None:
        if self._call(["image", "inspect", IMAGE]).returncode == 0:
            return
        done = self._call(["import", "-", IMAGE], _EMPTY_TAR)
        if done.returncode != 0:
            raise NoContainer(self._complaint(done.stderr))

    def _exec(self, user: str, inside: Sequence[str]) -> list[str]:
        return [self.engine, "exec", "--interactive", "--user", user, self._name, *inside]

    def _call(self, arguments: Sequence[str], data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [self.engine, *arguments]
        try:
            return subprocess.run(
                command, input=data, capture_output=True, timeout=_PATIENCE, check=False, start_new_session=True
            )
        except subprocess.TimeoutExpired as error:
            raise NoContainer(f"{self._engine_name} doesn't answer") from error

    @property
    def _engine_name(self) -> str:
        return Path(self.engine).name

    def _complaint(self, stderr: bytes) -> str:
        lines = stderr.decode("utf-8", "replace").strip().splitlines()
        return f"{self._engine_name} says: {lines[-1][:300] if lines else 'nothing'}"


def container_for(folder: Path, home: Path, hidden: Sequence[Path]) -> tuple[Container | None, str]:
    """A container that runs, of the first engine that gives one; or None, and why.

    Raises:
        OSError: The account's directory can't be written to.
    """
    reasons = []
    for engine in filter(None, map(shutil.which, ENGINES)):
        made = Container(engine, folder, home, hidden)
        try:
            made.begin()
        except NoContainer as error:
            reasons.append(str(error))
            continue
        return made, ""
    return None, "; ".join(reasons) or f"there's neither {' nor '.join(ENGINES)}"
