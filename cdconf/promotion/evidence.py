"""Reads from the artifact store what was said, and checks who has said it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import APPROVAL, OVERRIDE, STATEMENT, STOP, all_named, archive_named, named
from cdconf.artifacts.backends import Backend, place_of
from cdconf.clocks import Clock
from cdconf.events import Emit, Notice
from cdconf.promotion.approvals.given import Given, given_all
from cdconf.promotion.checked import CheckedObject, check_all
from cdconf.promotion.people import People
from cdconf.promotion.said import app_key, environment_key, release_key, tree_key
from cdconf.promotion.signers import Signers, signers_of
from cdconf.promotion.stops import refused

if TYPE_CHECKING:
    from cdconf.inventory import Project

_COUNTED_OUT = 3  # warnings of one kind
_LAST = 10  # provisions or releases that are looked at, to find the last one


@dataclass(frozen=True)
class Evidence:
    """What was said in a project's store.

    Attributes:
        place: Where it lies.
        signers: Who may speak for which office.
        now: This machine's time when it was read.
        skipped: Object's name -> why it can't be read, of those that were looked at.
    """

    project: Project
    place: Backend
    signers: Signers
    now: float
    emit: Emit
    skipped: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project, emit: Emit, place: Backend | None = None, clock: Clock | None = None) -> Evidence:
        """A project's; raises `ArtifactError` where the signers can't be read."""
        return cls(project, place or place_of(project), signers_of(project), (clock or Clock()).here(), emit)

    def proofs(self, archive: str) -> list[CheckedObject]:
        """What stages said of an artifact."""
        return self._checked(STATEMENT, archive)

    def proofs_of_tree(self, path: str, tree: str) -> list[CheckedObject]:
        """What stages said of a role, or of what roles use."""
        return self._checked(STATEMENT, tree_key(self.project.name, path, tree))

    def provisions(self, environment: str) -> list[CheckedObject]:
        """What stages said of the last provisions of an environment."""
        return self._checked(STATEMENT, environment_key(self.project.name, environment), _LAST)

    def stops(self, app: str, archive: str | None = None) -> list[CheckedObject]:
        """The stops of an app and of an artifact, and what lifts them.

        Raises:
            ArtifactError: One can't be read: what it stops would go on.
        """
        found = self._checked(STOP, app_key(self.project.name, app))
        found += self._checked(STOP, archive) if archive is not None else []
        self._warn(found)
        return found

    def _warn(self, stops: Iterable[CheckedObject]) -> None:
        for checked_object in refused(stops)[:_COUNTED_OUT]:
            text = f"{self.place.shown(checked_object.name)} stops or lifts nothing: it {checked_object.refusal}"
            self.emit(Notice(text, warning=True))

    def every(
        self, kind: str, unread: Callable[[str], None] = lambda key: None, wanted: Collection[str] | None = None
    ) -> dict[str, list[CheckedObject]]:
        """All of one kind, by what it's found by: for whoever looks at many artifacts. For the errors see `stops`.

        Args:
            kind: `STATEMENT`, `STOP`, ….
            unread: Gets what an object would be found by that can't be read.
            wanted: What's found by something else isn't read; None: everything is.
        """
        tell = self.skipping()

        def skip(name: str, why: str) -> None:
            unread(archive_named(name, kind) or "")
            tell(name, why)

        checked = check_all(all_named(self.place, kind, skip, wanted), self.signers, self.now)
        if kind == STOP:
            self._warn(checked)
        found: dict[str, list[CheckedObject]] = {}
        for checked_object in checked:
            found.setdefault(archive_named(checked_object.name, kind) or "", []).append(checked_object)
        return found

    def releases(self, environment: str, app: str) -> list[CheckedObject]:
        """What stages said of the last releases of an app in an environment."""
        return self._checked(STATEMENT, release_key(self.project.name, environment, app), _LAST)

    def approvals(self, archive: str, people: People) -> list[Given]:
        """Who has approved or rejected an artifact, for whichever environment."""
        found = named(self.place, APPROVAL, archive, self.skipping())
        return given_all(found, people, self.signers.revoked, self.now)

    def overrides(self, environment: str) -> list[CheckedObject]:
        """Who has passed an environment's gate without what it asks for."""
        return self._checked(OVERRIDE, environment_key(self.project.name, environment))

    def _checked(self, kind: str, key: str, newest: int | None = None) -> list[CheckedObject]:
        return check_all(named(self.place, kind, key, self.skipping(), newest), self.signers, self.now)

    def skipping(self) -> Callable[[str, str], None]:
        """Warns of what can't be read: of the first few, since whoever can write to the store could make thousands."""
        skipped: list[str] = []

        def tell(name: str, why: str) -> None:
            skipped.append(name)
            self.skipped[name] = why
            if len(skipped) <= _COUNTED_OUT:
                self.emit(Notice(f"skipped {self.place.shown(name)}: {why}", warning=True))
            elif len(skipped) == _COUNTED_OUT + 1:
                self.emit(Notice("skipped more objects like that", warning=True))

        return tell
