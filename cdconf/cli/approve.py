"""`cdconf approve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from cdconf.cli.complete import artifacts
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.options import output_options, project_options, yes_option

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.cli.context import Run
    from cdconf.promotion.approvals.approving import Approver
    from cdconf.promotion.approvals.review import Review


@click.command()
@click.argument("artifact", shell_complete=artifacts)
@environment_option("--to", "--env", required=True)
@click.option("--reject", is_flag=True, help="Say no: final for this artifact in ENV.")
@click.option("--note", metavar="TEXT", default="", help="Why: everybody reads it. --reject needs one.")
@click.option("--key", "key", metavar="FILE", help="Sign with this SSH key; its .pub, when it's in the ssh-agent.")
@click.option("--expires", metavar="TIME", help="Counts for so long: `4h`. By default as long as ENV takes approvals.")
@yes_option
@project_options
@output_options
def command(artifact: str, environment: str, reject: bool, note: str, **flags: Any) -> None:
    """Approve that ARTIFACT is brought to ENV, or reject it: signed with your own SSH key.

    Shows first what you approve: the commits since ENV's last release and who has written them, what has changed in
    the procedure, what the stages have found out. Then it asks, and `ssh-keygen` signs: with a key of your ssh-agent
    or of ~/.ssh, FIDO keys included. Without --key, the first key that the operator's policy knows is taken; it says
    under `people` whose keys are whose.

    An approval is of this artifact, by this procedure, for ENV. When any of these changes, or the artifact is stopped,
    it counts no more. A rejection is final: no approval heals it. No host is asked.

    Example: cdconf approve shop@1.4 --to production --note 'looked at the migration'

    Example: cdconf approve shop@1.4 --to production --reject --note 'loses orders'
    """
    from cdconf.cli.approve_plan import planned
    from cdconf.cli.approve_show import document, lines
    from cdconf.cli.ask import confirm
    from cdconf.deploy.choose import choose
    from cdconf.errors import UsageError
    from cdconf.promotion.approvals.approving import approver, check_counts
    from cdconf.promotion.approvals.review import check_approvable, review_of
    from cdconf.render.words import shown

    with run_of("approve", environment, flags) as run:
        lasts = _seconds(flags["expires"])
        if reject and len(note.strip()) < SHORTEST:
            raise UsageError("--reject needs a --note", hint="say why: everybody reads it")
        if len(note) > LONGEST:
            raise UsageError(f"--note has more than {LONGEST} characters", hint="link to what is longer")
        chosen = choose(run.project, artifact, run.emit)
        review = review_of(run.project, run.environment, chosen, run.emit)
        plan = planned(run, review)
        run.extra |= document(review, chosen, plan)
        if not flags["as_json"]:
            for line in lines(review, chosen, plan):
                click.echo(shown(run.mask(line)))
        if not reject:
            check_approvable(review)
        who = approver(review, flags["key"])
        if not reject:
            check_counts(review, who)
        verb = "reject" if reject else "approve"
        question = f"{verb} {chosen.label} for {environment} as {who.name}, with {who.own.shown}?"
        confirm(question, yes=flags["yes"])
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
        run.emit(Notice("it counts where a policy says whose key that is; none does so here", warning=True))
    gate = gate_of(run.project, run.environment, artifact, lambda event: None)
    run.extra["gates"] = [asdict(one) for one in gate.links]
    for one in gate.links:
        if one.name.startswith("approvals"):
            run.emit(Notice(f"{one.name}: {one.why}"))
    if not any(one.name.startswith("approvals") for one in gate.links) and decision == "approved":
        run.emit(Notice(f"{where} asks for no approval here"))


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
