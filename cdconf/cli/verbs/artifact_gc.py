"""What `cdconf artifact gc` does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdconf.errors import FAILED, OK, UNREACHABLE, UsageError, did_you_mean, worst_exit
from cdconf.events import Notice

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact, ArtifactStore
    from cdconf.artifacts.holders import Uses
    from cdconf.artifacts.retention import Use
    from cdconf.cli.context import Run


def collect(run: Run, keep: int, without: Sequence[str], forget: Sequence[str], *, dry_run: bool) -> None:
    """Removes what nobody can need any more; see the command's help.

    Raises:
        UsageError: There's no such environment, or what's to be forgotten isn't CHECKOUT/ENV.
    """
    from cdconf.artifacts import ArtifactStore
    from cdconf.artifacts.holders import uses
    from cdconf.artifacts.leftovers import sweep
    from cdconf.artifacts.retention import in_use, superfluous

    _check(run, without, forget)
    store = ArtifactStore(run.project, emit=run.emit)
    known = store.list()
    now = None if dry_run else store.now()
    said = uses(store.place, now)  # read before hosts are asked: what begins in between is noticed
    use = in_use(run.project, run.emit, run.flags.connecting, without=without)
    use.doubt({artifact.app for artifact in known} - set(run.project.apps), "cdconf.yml has no such app")
    for app, reasons in use.unknown.items():
        run.emit(Notice(f"all artifacts of {app} stay: {'; '.join(reasons)}", warning=True))
    unheld = superfluous(known, use, keep)
    use.note(run.project, _without(store, said, forget, dry_run=dry_run))
    _tell_held(run, unheld, use)
    gone = [artifact for artifact in superfluous(known, use, keep) if dry_run or _removed(run, store, artifact, said)]
    for artifact in gone:
        run.emit(Notice(f"{'would remove' if dry_run else 'removed'} {artifact.label} ({artifact.archive[:12]})"))
    swept = sweep(run.project, store, dry_run=dry_run)
    if store.unreadable():
        run.emit(Notice("left-over files of the store stay, because some metadata can't be read", warning=True))
    run.extra |= {"removed": [artifact.label for artifact in gone], "kept": len(known) - len(gone), "dry_run": dry_run}
    run.extra |= {"swept": dataclasses.asdict(swept), "unknown": use.unknown, "elsewhere": use.elsewhere}
    done = "would be removed" if dry_run else "removed"
    run.emit(Notice(f"{len(gone)} of {len(known)} artifacts and {swept.count} left-over files {done}"))
    if not dry_run:
        names = ", ".join(artifact.label for artifact in gone) or "nothing"
        run.record_as("artifact gc", f"removed {names}; {swept.count} left-over files")
    run.code = worst_exit([UNREACHABLE if use.unreachable else OK, FAILED if use.failed else OK])


def _check(run: Run, without: Sequence[str], forget: Sequence[str]) -> None:
    known = run.project.environments()
    for name in without:
        if name not in known:
            raise UsageError(f"there is no environment '{name}'", hint=did_you_mean(name, known))
    for where in forget:
        if not all(where.partition("/")):
            raise UsageError(f"--forget takes CHECKOUT/ENV, not '{where}'", hint="`artifact gc` names them")


def _without(store: ArtifactStore, said: Uses, forget: Sequence[str], *, dry_run: bool) -> Uses:
    """What the store says, but for hosts that are gone, of which it says nothing from now on."""
    gone = [name for name, one in said.holders.items() if one is not None and one.where in forget]
    for name in gone:
        if not dry_run:
            store.discard(name)
    return dataclasses.replace(said, holders={name: one for name, one in said.holders.items() if name not in gone})


def _tell_held(run: Run, unheld: Sequence[Artifact], use: Use) -> None:
    for artifact in unheld:
        if artifact.archive in use.elsewhere:
            run.emit(Notice(f"{artifact.label} stays: {'; '.join(use.elsewhere[artifact.archive])}"))


def _removed(run: Run, store: ArtifactStore, artifact: Artifact, said: Uses) -> bool:
    gone = store.remove(artifact, said)
    if not gone:
        run.emit(Notice(f"{artifact.label} stays, because a run has begun to use it"))
    return gone
