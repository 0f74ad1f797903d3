"""What a watch does with a commit of a real project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError
from cdconf.events import Emit, Notice
from cdconf.pipeline.board.reading import BoardReader
from cdconf.pipeline.watch.child import Child, command
from cdconf.pipeline.watch.files import Files
from cdconf.pipeline.watch.loop import Concurrency, Work
from cdconf.pipeline.watch.outlook import outlook_of
from cdconf.pipeline.watch.progress import Outlook
from cdconf.plans.git import git
from cdconf.promotion.commit import CommitReader
from cdconf.yamlfile import YamlMap, loads

if TYPE_CHECKING:
    from cdconf.inventory import Project


@contextmanager
def work_of(project: Project, emit: Emit) -> Iterator[Work]:
    """See `Work`; each run is a process of its own, by this cdconf.

    Args:
        project: The project in the checkout.
        emit: Gets what can't be read.
    """
    with Files(project) as files:
        reader = BoardReader(project, emit, files.environment)

        def start(commit: str, when_ended: Callable[[], None]) -> Child:
            return Child(command(project.root, commit), when_ended)

        def outlooks(commits: Sequence[str], tip: str) -> dict[str, Outlook]:
            reader.project = files.use(tip)
            return {commit: outlook_of(rows) for commit, rows in reader.of_commits(commits).items()}

        def concurrency(commit: str) -> Concurrency:
            try:
                return concurrency_at(project.root, commit)
            except CdconfError as error:
                emit(Notice(f"cdconf.yml of {commit[:10]} can't be read: {error.message}", warning=True))
                return project.pipeline.concurrency

        yield Work(concurrency, outlooks, start, lambda commit: subject_of(project.root, commit))


def concurrency_at(root: Path, commit: str) -> Concurrency:
    """What cdconf.yml of a commit says of commits that come together.

    Raises:
        CdconfError: It can't be read.
    """
    with CommitReader(root, commit) as found:
        entry = found.find("cdconf.yml")
        top = loads(found.text(entry).decode("utf-8", "replace"), "cdconf.yml") if entry is not None else YamlMap()
    section = top.get("pipeline")
    said = section.get("concurrency") if isinstance(section, dict) else None
    if said == "batch":
        return "batch"
    return "cancel" if said == "cancel" else "queue"


def subject_of(root: Path, commit: str) -> str:
    """The first line of a commit's message; nothing where that can't be read."""
    try:
        return git(root, "log", "-1", "--format=%s", commit).decode("utf-8", "replace").strip()[:200]
    except CdconfError:
        return ""
