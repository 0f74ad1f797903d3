"""What a commit changes on an environment's hosts since its last release, in a line for who approves."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.promotion.review import Review

MOST_HOSTS = 50  # of larger environments, only the command is shown: somebody waits for the answer


@dataclass(frozen=True)
class Planned:
    """What `plan ENV --from REV --to REV` says in short.

    Attributes:
        command: The command that says it at length.
        summary: Such as `1 changed; on 2 of 2 hosts`; None where it wasn't asked, or can't be told.
    """

    command: str
    summary: str | None


def planned(run: Run, review: Review) -> Planned | None:
    """Compares the two commits by which it's deployed; None where the last release isn't known. It never fails."""
    since, candidate = review.authors.since, review.about.candidate
    if since is None or not candidate.commit:
        return None
    before, after = since.commit, candidate.commit
    command = f"cdconf plan {candidate.environment} --from {before[:10]} --to {after[:10]}"
    if len(run.environment.hosts) > MOST_HOSTS:
        return Planned(command, None)
    return Planned(command, _summary(run, candidate.environment, before, after))


def _summary(run: Run, environment: str, before: str, after: str) -> str | None:
    from cdconf.errors import CdconfError
    from cdconf.plans.fleet import Question, compare
    from cdconf.plans.revision import reading
    from cdconf.render.revisions import summary
    from cdconf.secrets.mask import Mask

    root = run.project.root

    def ignore(event: object) -> None:
        """What the command itself says at length."""

    try:
        with contextlib.ExitStack() as stack:
            sides = [stack.enter_context(reading(root, one, ignore)) for one in (before, after)]
            return summary(compare(sides[0], sides[1], Question(environment), root, Mask(), ignore))
    except CdconfError:
        return None
