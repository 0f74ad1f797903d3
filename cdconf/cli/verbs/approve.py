"""`cdconf approve`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from cdconf.cli.complete import artifacts
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.flags import Flags
from cdconf.cli.options import output_options, project_options, yes_option

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.cli.context import Run
    from cdconf.promotion.approvals.approving import Approver
    from cdconf.promotion.review import Review


@dataclass
class ApproveFlags(Flags):
    """The options of `approve`."""

    key: str | None = None
    expires: str | None = None
    yes: bool = False


@click.command()
@click.argument("artifact", shell_complete=artifacts)
@environment_option("--to", "--env", required=True)
@click.option("--reject", is_flag=True, help="Reject: final for this artifact in ENV.")
@click.option("--note", metavar="TEXT", default="", help="Your reason, visible to everybody; --reject needs one.")
@click.option(
    "--key", "key", metavar="FILE", help="Sign with this SSH key. For a key in the ssh-agent, name its .pub file."
)
@click.option("--expires", metavar="TIME", help="How long the approval holds: `4h`. The default is ENV's own limit.")
@yes_option
@project_options
@output_options
def command(artifact: str, environment: str, reject: bool, note: str, **given: Any) -> None:
    """Approve the deployment of ARTIFACT to ENV, or reject it, signed with your own SSH key.

    First you see what you approve: the commits since ENV's last release with their authors, the changes of the
    procedure, and the results of the stages. After your answer `ssh-keygen` signs with a key from your ssh-agent or
    ~/.ssh; FIDO keys work too. Without --key, cdconf takes your first key that the operator's policy lists under
    `people`.

    An approval holds for this artifact, this procedure and ENV. It ends when one of these changes or the artifact is
    stopped. A rejection is final: later approvals don't lift it. No host is contacted.

    Example: cdconf approve shop@1.4 --to production --note 'looked at the migration'

    Example: cdconf approve shop@1.4 --to production --reject --note 'loses orders'
    """
    from cdconf.artifacts.choose import choose
    from cdconf.cli.ask import confirm
    from cdconf.cli.show.approval import document, lines
    from cdconf.cli.show.approve_plan import planned
    from cdconf.errors import UsageError
    from cdconf.promotion.approvals.approving import approver, check_counts
    from cdconf.promotion.review import check_approvable, review_of
    from cdconf.render.words import shown

    flags = ApproveFlags(**given)
    with run_of("approve", environment, flags) as run:
        lasts = _seconds(flags.expires)
        if reject and len(note.strip()) < SHORTEST:
            raise UsageError("--reject needs a --note", hint="say why: everybody reads it")
        if len(note) > LONGEST:
            raise UsageError(f"--note has more than {LONGEST} characters", hint="link to what is longer")
        chosen = choose(run.project, artifact, run.emit)
        review = review_of(run.project, run.environment, chosen, run.emit)
        plan = planned(run, review)
        run.extra |= document(review, chosen, plan)
        if not flags.as_json:
            for line in lines(review, chosen, plan):
                click.echo(shown(run.mask(line)))
        if not reject:
            check_approvable(review)
        who = approver(review, flags.key)
        if not reject:
            check_counts(review, who)
        verb = "reject" if reject else "approve"
        question = f"{verb} {chosen.label} for {environment} as {who.name}, with {who.own.shown}?"
        confirm(question, yes=flags.yes)
        _give(run, review, chosen, who, ("rejected" if reject else "approved", run.mask(note), lasts))


SHORTEST, LONGEST = 3, 2000  # characters of a note


def _give(
    run: Run,
    review: Review,
    artifact: Artifact,
    who: Approver,
    words: tuple[Literal["approved", "rejected"], str, float | None],
) -> None:
    from dataclasses import asdict

    from cdconf.events import Notice
    from cdconf.promotion.approvals.approving import give
    from cdconf.promotion.gates import gate_of

    decision, note, lasts = words
    if who.own.key.is_on_token:
        run.emit(Notice(f"touch the FIDO token that holds {who.own.shown}"))
    name = give(review, artifact, who, decision, note, lasts)
    where = run.environment.name
    run.record_as("approve", f"{decision} for {where} by {who.name}{f': {note}' if note else ''}", artifact)
    run.extra |= {"decision": decision, "note": note, "approval": name}
    run.extra |= {"person": who.person.name if who.person else None, "key": who.own.key.id}
    run.emit(Notice(f"{who.name} has {decision} {artifact.label} for {where} ({name})"))
    if who.person is None:
        run.emit(
            Notice("no policy here says whose key this is; the approval counts only where a policy does", warning=True)
        )
    gate = gate_of(run.project, run.environment, artifact, lambda event: None)
    run.extra["gates"] = [asdict(link) for link in gate.links]
    for link in gate.links:
        if link.name.startswith("approvals"):
            run.emit(Notice(f"{link.name}: {link.why}"))
    if not any(link.name.startswith("approvals") for link in gate.links) and decision == "approved":
        run.emit(Notice(f"{where} requires no approval here"))


def _seconds(text: str | None) -> float | None:
    """Raises `UsageError` for what is no length of time."""
    from cdconf.errors import UsageError
    from cdconf.inventory.values import LONGEST as LONGEST_TIME
    from cdconf.inventory.values import seconds_of

    if text is None:
        return None
    found = seconds_of(text)
    if not found or found > LONGEST_TIME:
        raise UsageError(f"--expires '{text}' isn't a length of time", hint="such as --expires 4h")
    return found
