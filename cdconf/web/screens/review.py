"""What would be approved: the commits, how the procedure changes, what stages have found out, and the gate."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import ArtifactStore
from cdconf.errors import CdconfError
from cdconf.promotion.review import review_of
from cdconf.web.page import Ask, NotThere, Page
from cdconf.web.reading.sources import attempt
from cdconf.web.screens.pipeline import SHOWN
from cdconf.web.screens.pipeline import read as read_board
from cdconf.web.tabling import Column, table

if TYPE_CHECKING:
    from cdconf.promotion.approvals.authors import CommitAuthor
    from cdconf.promotion.review import Review
    from cdconf.web.reading.sources import Sources

_COLUMNS = (
    Column("label", "artifact", "review"),
    Column("environment", "environment"),
    Column("state", "state", "state"),
    Column("subject", "change", "long"),
    Column("author", "by"),
    Column("at", "built", "time"),
    Column("missing", "what it waits for", "long"),
)
_COMMITS = (Column("commit", "commit", "code"), Column("subject", "subject", "long"), Column("authors", "by"))
_MOST = 200


def index(ask: Ask) -> Page:
    """The artifacts that could go into an environment next."""
    sources = ask.sources
    stages = {stage.name: stage.environment for stage in sources.project.pipeline.stages if stage.environment}
    found: dict[str, Any] = {"rows": []}
    problem = None
    if stages:
        found, problem = attempt(lambda: sources.kept.get("pipeline", lambda: read_board(sources), young=3.0), found)
    rows = []
    for row in found["rows"][:SHOWN]:
        for name, environment in stages.items():
            cell = row["stages"].get(name)
            if row["artifact"] and cell and cell["state"] in ("waiting", "ready", "stopped", "interrupted"):
                missing = "; ".join(one["name"] for one in cell["missing"]) or cell["why"]
                about = {name: row[name] for name in ("label", "subject", "author", "at")}
                rows.append({**about, "environment": environment, "state": cell["state"], "missing": missing})
    listed = table("", _COLUMNS, rows, ask.params, "Nothing waits for anybody.")
    return Page("To approve", "reviews.html", "review", {}, {"waiting": listed}, (problem,) if problem else ())


def show(ask: Ask) -> Page:
    """One artifact, for one environment.

    Raises:
        NotThere: There's no such artifact or environment.
    """
    sources, reference, environment = ask.sources, ask.path["artifact"], ask.path["environment"]
    if environment not in sources.project.environments():
        raise NotThere(f"there is no environment '{environment}'")
    key = f"review {reference} {environment}"
    kept = sources.kept.get(key, lambda: _read(sources, reference, environment), young=3.0)
    found = {name: value for name, value in kept.items() if name != "commits"}  # `kept` is shown again
    tables = {"commits": table("", _COMMITS, kept.get("commits", []), ask.params, "There are no commits between.")}
    return Page(f"{reference} to {environment}", "review.html", "review", found, tables)


def _read(sources: Sources, reference: str, environment: str) -> dict[str, Any]:
    try:
        artifact = ArtifactStore(sources.project, emit=sources.emit).find(reference)
    except CdconfError as error:
        raise NotThere(error.message, hint=error.hint) from error
    command = f"cdconf approve {artifact.label} --to {environment}"
    about: dict[str, Any] = {"artifact": artifact.label, "archive": artifact.archive, "commit": artifact.commit}
    about |= {"environment": environment, "command": command, "reject": f"{command} --reject"}
    try:
        review = review_of(sources.project, sources.environment(environment), artifact, sources.emit)
    except NotThere:
        raise
    except CdconfError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return {**about, "refused": f"{error.message}{hint}", "gates": [], "results": [], "changes": None}
    return {**about, "refused": None, **_told(review, artifact.app)}


def _told(review: Review, app: str) -> dict[str, Any]:
    candidate, authors = review.about.candidate, review.authors
    since = authors.since
    plan = None
    if since is not None:
        plan = f"cdconf plan {candidate.environment} --from {since.commit[:12]} --to {candidate.commit[:12]}"
    return {
        "app": app,
        "procedure": candidate.procedure,
        "since": asdict(since) if since else None,
        "commits": [_written(commit, review) for commit in authors.commits[:_MOST]],
        "commits_count": len(authors.commits),
        "authors_unknown": authors.problem or None,
        "changes": None if review.changed is None else [asdict(change) for change in review.changed[:_MOST]],
        "plan_command": plan,
        "results": [
            proof.document(name) for name, proof in sorted(review.proofs.items(), key=lambda pair: pair[1].finished)
        ],
        "gates": [
            {"name": link.name, "state": link.state, "why": link.why, "command": link.command}
            for link in review.gate.links
        ],
    }


def _written(commit: CommitAuthor, review: Review) -> dict[str, Any]:
    people = review.about.people
    named = [(str(author), people.by_address(author.address)) for author in commit.authors]
    authors = ", ".join(f"{text} ({person.name if person else 'unknown to the policy'})" for text, person in named)
    return {"commit": commit.commit[:12], "subject": commit.subject, "authors": authors}
