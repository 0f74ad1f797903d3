"""Pushes a release's tree to hosts: each gets the chunks that it lacks, read and compressed once for all hosts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cdconf.agent.release import chunks
from cdconf.artifacts import Artifact, ArtifactStore
from cdconf.artifacts.chunk_lists import Cut, Cuts
from cdconf.errors import ArtifactError
from cdconf.session.agent_errors import Unintelligible

if TYPE_CHECKING:
    from cdconf.inventory import Project
    from cdconf.session import Session
    from cdconf.session.app_answers import AppReady

_SHARED = 32 * 1024 * 1024  # bytes of frames kept for hosts that come later
_BLOCK = 4096
_SMALL = 4 * 1024 * 1024  # up to so much is compressed better than fast
_BEST, _FAST = 9, 1  # zlib's levels
Told = dict[str, Any]


class Push:
    """One artifact on its way to any number of hosts; may be used from several threads.

    Args:
        project: Whose store has it.
        artifact: The artifact.
        manifest: Its tree, see `cdconf.agent.release.tree`.
    """

    def __init__(self, project: Project, artifact: Artifact, manifest: Sequence[dict[str, Any]]) -> None:
        self._artifact = artifact
        self._manifest = manifest
        self._folder = ArtifactStore(project).tree(artifact)
        self._cuts = Cuts(project)
        self._lock = threading.Lock()
        self._cut = Cut((), {})
        self._lists_digest = ""
        self._chunks: list[tuple[int, str, int]] = []
        self._told: dict[str, Told | None] = {}
        self._frames = SharedFrames(self._frame)
        self._ready: dict[str, AppReady] = {}

    @property
    def size(self) -> int:
        """Bytes of the tree's files."""
        return sum(entry["size"] for entry in self._manifest if entry["kind"] == "file")

    @property
    def room(self) -> int:
        """Bytes that the tree takes on a disk, whose blocks are 4 KiB on nearly every host."""
        return sum(-(-entry.get("size", 1) // _BLOCK) * _BLOCK for entry in self._manifest)

    def check(self, session: Session, app: dict[str, Any], release: str) -> None:
        """Asks whether the release can go to a host, and remembers the answer for `to`.

        Raises:
            AgentError: It can't: no room, no unit, a shared file that's missing.
        """
        self._ready[session.host.name] = session.app_preflight(
            app,
            release=release,
            tree=self._artifact.tree,
            need_bytes=self.room,
            need_files=len(self._manifest),
        )

    def to(
        self, session: Session, app: dict[str, Any], release: str, on_size: Callable[[int], None] = lambda size: None
    ) -> None:
        """Puts the release on a host, staged and verified; one that has it whole gets nothing.

        Args:
            session: The host's.
            app: What the agent needs to know of the app.
            release: The release's name.
            on_size: Gets the bytes, before compression, that the host lacks.

        Raises:
            ArtifactError: The tree can't be read.
            AgentError: It doesn't fit there; what came isn't what its digest says.
        """
        if session.host.name not in self._ready:
            self.check(session, app, release)
        ready = self._ready.pop(session.host.name)
        if ready["whole"]:
            return
        lacking = self._prepare(session, app, release, ready["held"])
        amount = sum(self._chunks[number][0] for number in lacking)
        on_size(amount)
        about = {"version": self._artifact.version, "archive": self._artifact.archive, "tree": self._artifact.tree}
        level = _BEST if amount <= _SMALL else _FAST
        frames = (self._frames.get(numbers, level) for numbers in self._blocks(lacking))
        session.app_stage(raw=frames, app=app, release=release, about=about)

    def _prepare(self, session: Session, app: dict[str, Any], release: str, held: list[tuple[str, str]]) -> list[int]:
        """The numbers of the chunks that the host lacks; see `chunks.table`."""
        self._begin()
        based = ((name, self._tell(tree)) for name, tree in held)
        told = next(({**document, "base": name} for name, document in based if document is not None), None)
        runs = self._ask(session, app, release, told) if told is not None else None
        if runs is None:
            whole = chunks.tell(self._cut.manifest, self._cut.lists)
            runs = self._ask(session, app, release, {**whole, "base": None})
        return self._numbers(session, runs or ())

    def _numbers(self, session: Session, runs: Iterable[tuple[int, int]]) -> list[int]:
        """The chunks of runs, each once and in order; no host lacks what the tree doesn't have."""
        ended = 0
        numbers: list[int] = []
        for first, count in runs:
            if first < ended or first + count > len(self._chunks):
                raise Unintelligible("it lacks chunks that the release doesn't have", host=session.host.name)
            ended = first + count
            numbers += range(first, ended)
        return numbers

    def _ask(self, session: Session, app: dict[str, Any], release: str, told: Told) -> list[tuple[int, int]] | None:
        answer = session.app_prepare(
            app,
            release=release,
            tree=self._artifact.tree,
            lists=self._lists_digest,
            told=told,
        )
        return answer["lacking"]

    def _begin(self) -> None:
        """Cuts the tree, once; meanwhile the other hosts' threads wait."""
        with self._lock:
            if not self._lists_digest:
                self._cut = self._cuts.cut(self._artifact.tree, self._manifest, self._folder)
                table = chunks.table(self._manifest, self._cut.lists)
                self._chunks = [(size, *places[0]) for size, places in table.values()]
                self._lists_digest = chunks.digest(self._cut.lists)

    def _tell(self, base: str) -> Told | None:
        """The tree as the difference to another one; None when it isn't known how that one was cut."""
        with self._lock:
            if base not in self._told:
                old, new = self._cuts.known(base), self._cut
                self._told[base] = (
                    chunks.tell(new.manifest, new.lists, old.manifest, old.lists) if old is not None else None
                )
            return self._told[base]

    def _blocks(self, lacking: list[int]) -> Iterator[tuple[int, ...]]:
        """The chunks of one frame each."""
        block: list[int] = []
        size = 0
        for number in lacking:
            block.append(number)
            size += self._chunks[number][0]
            if size >= chunks.BLOCK:
                yield tuple(block)
                block, size = [], 0
        if block:
            yield tuple(block)

    def _frame(self, numbers: tuple[int, ...], level: int) -> bytes:
        try:
            frame: bytes = chunks.pack(
                b"".join(_read(self._folder, [self._chunks[number] for number in numbers])), level
            )
        except OSError as error:
            raise ArtifactError(f"can't read the artifact store: {error}") from error
        return frame


def _read(folder: Path, wanted: list[tuple[int, str, int]]) -> Iterator[bytes]:
    """Reads (size, path, offset) below a folder."""
    opened: tuple[str, BinaryIO] | None = None
    try:
        for size, path, offset in wanted:
            if opened is None or opened[0] != path:
                if opened is not None:
                    opened[1].close()
                opened = path, (folder / path).open("rb")
            opened[1].seek(offset)
            data = opened[1].read(size)
            if len(data) < size:
                raise ArtifactError(f"the artifact store's '{path}' was changed while it was pushed")
            yield data
    finally:
        if opened is not None:
            opened[1].close()


class SharedFrames:
    """Frames that are made once for all hosts that want them at about the same time, in bounded memory.

    Args:
        make: Makes one from the numbers of its chunks and a level.
        limit: How many bytes are kept.
    """

    def __init__(self, make: Callable[[tuple[int, ...], int], bytes], limit: int = _SHARED) -> None:
        self._make = make
        self._limit = limit
        self._size = 0
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[tuple[int, ...], int], Future[bytes]] = OrderedDict()

    def get(self, numbers: tuple[int, ...], level: int) -> bytes:
        """A frame: kept, being made by another thread, or made now."""
        key = (numbers, level)
        with self._lock:
            known = self._made.get(key)
            future = self._made.setdefault(key, Future())
            self._made.move_to_end(key)
        if known is not None:
            return known.result()
        try:
            frame = self._make(numbers, level)
        except BaseException as error:
            with self._lock:
                del self._made[key]
            future.set_exception(error)
            raise
        future.set_result(frame)
        with self._lock:
            self._size += len(frame)
            while self._size > self._limit and len(self._made) > 1:
                self._evict()
        return frame

    def _evict(self) -> None:
        """Forgets the frame that was wanted longest ago, of those that are made."""
        oldest = next((key for key, future in self._made.items() if future.done()), None)
        if oldest is not None:
            self._size -= len(self._made.pop(oldest).result())
