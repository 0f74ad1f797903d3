"""The two ways in which `drift` looks: at the files of a revision, or at nothing but what hosts remember."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import DIFFERENT, UsageError, worst_exit
from cdconf.events import Emit, Notice, ResourceDone
from cdconf.inventory import find_root, load_project

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.cli.flags import Flags
    from cdconf.inventory import Host, Project
    from cdconf.provision.applied_from import AppliedFrom

Read = Callable[[Path], "Project"]


@contextmanager
def reading_at(flags: Flags) -> Iterator[tuple[Read, str | None]]:
    """How the project is read, and the revision that was asked for; a revision's checkout goes with the block.

    Args:
        flags: The command line's.

    Raises:
        UsageError: `--applied` reads no files; there's no such revision.
    """
    name = flags.at
    if name is None:
        yield partial(load_project, needs_roles=not flags.applied), None
        return
    if flags.applied:
        raise UsageError(
            "--applied and --at exclude each other: --applied reads no files", hint="leave one of them out"
        )
    from cdconf.pipeline.checkout import check_out
    from cdconf.plans.git import check_repository
    from cdconf.plans.revision import commit_of
    from cdconf.scratch import scratch

    root = find_root(Path(flags.directory or "."))
    check_repository(root)
    commit = commit_of(root, name)
    with scratch("drift") as folder:
        project = check_out(load_project(root), commit, folder.resolve() / "checkout")
        yield lambda directory: project, name


def look_at_files(run: Run, hosts: list[Host], revision: str | None, emit: Emit) -> None:
    """Compares hosts with the files, and with what was applied; sets the run's code."""
    from cdconf.cli.older_files import comparison
    from cdconf.cli.show.drained_hosts import say_kept
    from cdconf.deploy.drained import Drained
    from cdconf.history.journal import head
    from cdconf.provision.provision import ProvisionOptions, provision

    commit = head(run.project.root)
    run.extra["at"] = {"revision": revision, "commit": commit}
    if revision is not None:
        run.emit(Notice(f"compared with {revision} ({str(commit)[:10]})"))
    drained = Drained()
    compared = comparison(run, whose=revision or "yours", tells_older=True)
    options = ProvisionOptions(
        True,
        run.flags.connecting,
        releases=True,
        drained=drained,
        applied_from=compared,
    )
    run.code = provision(run.project, run.environment, lambda: run.compiler, hosts, emit, options)
    run.code = worst_exit([run.code, *_tell_newer(emit, compared)])
    run.extra["kept"] = say_kept(run, drained)


def _tell_newer(emit: Emit, compared: AppliedFrom) -> list[int]:
    """A finding for each host that another controller has provisioned from what these files lack."""
    codes = []
    for host, text in compared.lacking.items():
        emit(
            ResourceDone(host, "applied", "another commit", "would_change", message=text, cause="not_applied"),
        )
        codes.append(DIFFERENT)
    return codes


def look_at_applied(run: Run, hosts: list[Host], emit: Emit) -> None:
    """Has hosts compare themselves with what they remember; sets the run's code."""
    from cdconf.cli.fleets import fleet_of
    from cdconf.drift.applied import AppliedLook
    from cdconf.engine.reports import report

    with fleet_of(run, hosts) as fleet:
        look = AppliedLook(run.project, fleet, emit)
        codes = look.run(hosts)
        codes += [report(emit, name, error) for name, error in look.errors.items()]
        run.code = worst_exit([run.code, *codes])
    run.extra["applied_from"] = {
        name: {"commit": about["commit"], "dirty": about["dirty"]}
        for name, about in look.applied.items()
        if about is not None
    }
