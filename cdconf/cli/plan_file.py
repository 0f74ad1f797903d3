"""Plans in files, for `plan --out` and `provision --plan`; and what an apply did that its plan didn't say."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from cdconf.cli.options import parse_extra
from cdconf.errors import DIFFERENT, OK, CdconfError, InvalidFile, PlanMoved, UsageError
from cdconf.events import Notice

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.cli.verbs.provision import ProvisionFlags
    from cdconf.inventory import Host
    from cdconf.plans.applying import Applying
    from cdconf.plans.marked_look import LookRecorder

_SHOWN = 40
_DIGITS = 16  # of a digest, for people
REFUSED_HINT = "make plans where the project's key is (`cdconf key new`), and trust that key here: `cdconf key trust`"


def check_out(out: str | None, option: str = "--out") -> None:
    """Raises `UsageError` for a file that can't be made, before any host is asked."""
    if out is None:
        return
    folder = Path(out).absolute().parent
    if not folder.is_dir():
        raise UsageError(f"there is no directory for {out}")
    if Path(out).is_dir():
        raise UsageError(f"{out} is a directory, and {option} names a file")
    if not os.access(out if Path(out).exists() else folder, os.W_OK):
        raise UsageError(f"{out} can't be written by this user")


def recorder(run: Run) -> LookRecorder:
    """What keeps a plan while it's made."""
    from cdconf.plans.marked_look import LookRecorder

    return LookRecorder(run.mask)


def save_plan(run: Run, found: LookRecorder, hosts: list[Host], out: str, *, prune: bool) -> None:
    """Writes what was found to a file.

    Raises:
        CdconfError: Hosts couldn't be looked at, so that nobody can have read what would happen there.
    """
    from cdconf.engine import RunIdentity
    from cdconf.plans.proof import digest_of, proven
    from cdconf.plans.saved import SavedPlan, save

    left = [host.name for host in hosts if host.name not in found.hosts]
    if left:
        text = f"no plan was written to {out}: {', '.join(left)} couldn't be looked at"
        hint = f"make hosts with `cdconf provision {run.environment.name}` first, or leave them out with --limit"
        if run.code in (OK, DIFFERENT):
            raise CdconfError(text, hint=hint)
        run.emit(Notice(text, warning=True))
        return
    plan = SavedPlan(
        project=run.project.name,
        environment=run.environment.name,
        created_at=time.time(),
        made_by=RunIdentity("plan").owner,
        agent=_agent(run),
        limit=run.flags.limit,
        roles=tuple(run.flags.roles),
        extra=tuple(sorted(parse_extra(run.flags.extra))),
        prune=prune,
        hosts={host.name: found.hosts[host.name] for host in hosts},
    )
    save(proven(run.project, plan), Path(out))
    digest = digest_of(plan)
    run.extra["plan"] = {"file": out, "created_at": plan.created_at, "digest": digest}
    if Path(out).is_file():
        apply = f"`cdconf provision {run.environment.name} --plan {quote(out)}` applies it"
        run.emit(Notice(f"the plan is in {out}, digest {digest[:_DIGITS]}; {apply}"))
    else:  # a device or a pipe, which keeps nothing
        run.emit(Notice(f"the plan was written to {out}, digest {digest[:_DIGITS]}"))


def open_plan(run: Run, flags: ProvisionFlags) -> Applying:
    """Reads a plan and makes the run what it's for: its hosts, roles and pruning.

    Raises:
        UsageError: The file can't be read, or the command line asks for something else than the plan.
        InvalidFile: It isn't a plan.
    """
    from cdconf.plans.applying import Applying
    from cdconf.plans.saved import read

    for name in ("limit", "roles", "prune", "check"):
        if getattr(flags, name):
            option = "--role" if name == "roles" else f"--{name}"
            raise UsageError(f"{option} and --plan exclude each other: the plan says what is done")
    file = str(flags.plan_from)
    plan = read(Path(file))
    flags.limit, flags.roles, flags.prune = plan.limit, plan.roles, plan.prune
    run.extra["plan"] = {"file": file, "created_at": plan.created_at}
    age = _seconds(flags.max_age)
    return Applying(plan, run.project, run.environment, agent=_agent(run), max_age=age, mask=run.mask)


def hosts_of(run: Run, applying: Applying) -> list[Host]:
    """The plan's hosts; raises `PlanMoved` for what can be told without asking them.

    Raises:
        InvalidFile: The plan was changed, or this machine trusts others than those who vouch for it.
    """
    try:
        hosts = run.selected()
    except UsageError as error:
        raise PlanMoved(f"the plan doesn't fit the files any more: {error.message}") from error
    applying.check_plan(hosts, parse_extra(run.flags.extra))
    _check_proof(run, applying)
    return hosts


def _check_proof(run: Run, applying: Applying) -> None:
    """Says who made the plan and who vouches for that, before any host is asked."""
    from cdconf.facts import age_text
    from cdconf.plans.proof import digest_of, judge

    plan, file = applying.plan, run.extra["plan"]["file"]
    verdict = judge(run.project, plan, file)
    if verdict.refused is not None:
        raise InvalidFile(verdict.refused, file=file, hint=REFUSED_HINT)
    applying.authentic = verdict.authentic
    digest = digest_of(plan)
    run.extra["plan"] |= {"made_by": plan.made_by, "digest": digest, "authentic": verdict.authentic}
    age = age_text(time.time() - plan.created_at)
    run.emit(Notice(f"the plan {file}, digest {digest[:_DIGITS]}, is {age} old, by {plan.made_by}: {verdict.text}"))
    if not verdict.authentic:
        text = "so who made the plan, and when, isn't certain: compare the digest with what `plan --out` said"
        run.emit(Notice(f"{text}; what it shows is compared with the hosts", warning=True))


def tell_moved(run: Run, applying: Applying) -> None:
    """Puts what has moved on into the JSON document."""
    run.extra["moved"] = [{"what": text, "hosts": hosts} for text, hosts in applying.moved.items()]


def remember(run: Run) -> None:
    """Keeps what `plan` has said, for the next `provision`."""
    from cdconf.plans import unplanned

    unplanned.remember(run.project.data, run.environment.name, run.collector.hosts)


def tell_surprises(run: Run, applying: Applying | None) -> None:
    """Says what turned out differently from the plan: the saved one, or the one that was shown last."""
    from cdconf.facts import age_text
    from cdconf.plans import unplanned
    from cdconf.plans.hostsets import named

    if applying is not None:
        which = "the plan"
        said: dict[str, unplanned.Statuses] = {
            name: {
                (resource.type, resource.title): resource.status
                for resource in host.resources
                if resource.status != "ok"
            }
            for name, host in applying.plan.hosts.items()
        }
    else:
        recalled = unplanned.recall(run.project.data, run.environment.name, before=run.started_at)
        if recalled is None:
            return
        age, said = recalled
        which = f"the plan of {age_text(age)} ago"
    unplanned.forget(run.project.data, run.environment.name)
    found = unplanned.surprises(said, run.collector.hosts)
    run.extra["differently"] = [{**dataclasses.asdict(surprise)} for surprise in found]
    texts: dict[str, list[str]] = {}
    for surprise in found:
        texts.setdefault(surprise.text, []).append(surprise.host)
    for text, hosts in list(texts.items())[:_SHOWN]:
        where = named(run.project, run.environment, hosts)
        run.emit(Notice(f"differently from {which}: {where}: {text}"))
    if len(texts) > _SHOWN:
        run.emit(Notice(f"differently from {which}: {len(texts) - _SHOWN} more, which `--json` has"))


def _agent(run: Run) -> str:
    from cdconf.session.bundle import bundle

    return bundle(run.project.root, run.project.type_packages, run.project.data / "agent").digest


def _seconds(text: str) -> float:
    from cdconf.inventory.project import duration
    from cdconf.yamlfile import YamlMap

    key: Any = "--max-age"
    try:
        return duration(YamlMap({key: text}), key, "the command line", 0.0)
    except InvalidFile as error:
        raise UsageError(f"--max-age '{text}' isn't a duration", hint=error.hint) from error
