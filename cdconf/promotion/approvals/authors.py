"""Who has written what would be released: the authors and co-authors of its commits, as git has them.

Names in commits are claims: git lets everybody write any. `.mailmap` isn't asked, since a commit can change it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError
from cdconf.plans.git import git, succeeds
from cdconf.promotion.procedure import procedure_of

if TYPE_CHECKING:
    from cdconf.promotion.approvals.last_release import LastRelease
    from cdconf.promotion.candidate import Candidate
    from cdconf.promotion.people import People, Person

_FORMAT = "%x00%an%x00%ae%x00%B%x00"
_CO_AUTHOR = re.compile(r"^[ \t]*co-authored-by[ \t]*:[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"^(.*?)<([^<>]*)>")
_COMMIT = re.compile("[0-9a-f]{40,64}")
_LONGEST = 200  # characters of a name, or of a first line


@dataclass(frozen=True)
class Author:
    """An author or co-author, as a commit names them."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.address else self.name


@dataclass(frozen=True)
class CommitAuthor:
    """A commit: its full id, who has written it, the first line of its message."""

    commit: str
    authors: tuple[Author, ...]
    subject: str


@dataclass(frozen=True)
class Authors:
    """Who has written what would be released.

    Attributes:
        commits: The newest first.
        since: The release since which they count; None: all that ever was.
        problem: Why it can't be told, after "who has written it can't be told: "; empty when it can.
    """

    commits: tuple[CommitAuthor, ...] = ()
    since: LastRelease | None = None
    problem: str = ""

    def known(self, people: People) -> dict[str, CommitAuthor]:
        """Person's name -> the newest commit of theirs."""
        return {person.name: commit for person, commit in reversed(list(self._persons(people)))}

    def unknown(self, people: People) -> dict[Author, CommitAuthor]:
        """Those whom the policy doesn't know -> the newest commit of theirs."""
        pairs = [(author, commit) for commit in self.commits for author in commit.authors]
        return {author: commit for author, commit in reversed(pairs) if people.by_address(author.address) is None}

    def _persons(self, people: People) -> Iterator[tuple[Person, CommitAuthor]]:
        for commit in self.commits:
            for author in commit.authors:
                person = people.by_address(author.address)
                if person is not None:
                    yield person, commit


def authors_of(
    root: Path, candidate: Candidate, since: LastRelease | None, also: Collection[str] = frozenset()
) -> Authors:
    """Who has written a candidate, since an environment's last release.

    The commits from which the artifact was built count, and those that came later where they have changed the
    procedure. The very commit that it was built from always counts.

    Args:
        root: The project, in a git repository.
        candidate: What would be released.
        since: The last release, whose commits don't count; None: nobody knows it, so all commits count.
        also: Commits from which stages have said that the same archive was built: they count as the artifact's own.
    """
    if candidate.built_from is None:
        return Authors(problem=candidate.not_built or "no commit is known of the artifact")
    try:
        own = [candidate.built_from, *sorted({*also} - {candidate.built_from})]
        missing = next((one for one in own if not _has(root, one)), None)
        if missing is not None:
            text = f"commit {missing[:10]}, from which it was built, isn't in this clone (`git fetch`)"
            return Authors(problem=text)
        return _authors(root, candidate, own, since)
    except CdconfError as error:
        return Authors(problem=error.message)


def _authors(root: Path, candidate: Candidate, own: Sequence[str], since: LastRelease | None) -> Authors:
    built_from = own[0]
    if since is not None and not _has(root, since.built_from):
        since = None
    excluded = [f"^{since.built_from}"] if since is not None else []
    found = {author.commit: author for author in _listed(root, [*own, *excluded])}
    if not {*own} <= found.keys():  # it's an older one than what runs: who wrote it still isn't somebody else
        found |= {author.commit: author for author in _listed(root, ["--no-walk", *own])}
    if candidate.commit and candidate.commit != built_from and _differs(root, candidate, built_from):
        excluded += [f"^{since.commit}"] if since is not None and _has(root, since.commit) else []
        later = _listed(root, [candidate.commit, f"^{built_from}", *excluded])
        found = {author.commit: author for author in later} | found
    cut = _cut_off(root)
    if cut & found.keys():
        text = "the clone's history is cut off (`git fetch --unshallow` brings the rest)"
        return Authors(tuple(found.values()), since, text)
    return Authors(tuple(found.values()), since)


def _differs(root: Path, candidate: Candidate, commit: str) -> bool:
    """Whether the procedure has changed since a commit, as far as that can be told."""
    try:
        return procedure_of(root, commit, candidate.app).digest != candidate.procedure
    except CdconfError:
        return True


def _has(root: Path, commit: str) -> bool:
    return _COMMIT.fullmatch(commit) is not None and succeeds(root, "cat-file", "-e", f"{commit}^{{commit}}")


def _cut_off(root: Path) -> set[str]:
    """The commits at which a shallow clone ends: what's before them isn't here."""
    path = root / git(root, "rev-parse", "--git-path", "shallow").decode("utf-8", "surrogateescape").rstrip("\n")
    try:
        return set(path.read_text(encoding="ascii", errors="replace").split())
    except FileNotFoundError:
        return set()


def _listed(root: Path, revisions: Sequence[str]) -> Iterator[CommitAuthor]:
    """Commits, the newest first. `rev-list` heeds no setting that changes what's shown, as `log` does."""
    listed = git(root, "rev-list", "--encoding=UTF-8", f"--format={_FORMAT}", *revisions, "--")
    fields = listed.decode("utf-8", "replace").split("\0")
    for place in range(0, len(fields) - 3, 4):
        head, name, address, message = fields[place : place + 4]
        authors = [Author(_clean(name), _clean(address)), *_co_authors(message)]
        subject = message.strip().partition("\n")[0]
        yield CommitAuthor(head.split()[-1], tuple(dict.fromkeys(authors)), _clean(subject))


def _co_authors(message: str) -> Iterator[Author]:
    """Wherever they stand in a message: git itself takes them in the last paragraph alone."""
    for found in _CO_AUTHOR.findall(message):
        match = _ADDRESS.match(found)
        yield Author(_clean(match[1]), _clean(match[2])) if match else Author(_clean(found), "")


def _clean(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text.strip()[:_LONGEST])
