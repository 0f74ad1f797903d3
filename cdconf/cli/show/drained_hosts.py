"""What `status` says of drained hosts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cdconf.deploy.drains import DOUBT
from cdconf.drift import runs_of
from cdconf.events import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.cli.context import Run
    from cdconf.deploy.drained import Drained


def say_drained(
    run: Run, found: dict[str, dict[str, Any]], leases: Mapping[str, Mapping[str, Any] | None]
) -> dict[str, Any]:
    """Names each drained host, where, and until when.

    Args:
        run: The run.
        found: Host -> what it has drained, see `drains_on`.
        leases: Host -> who holds it.

    Returns:
        The same as data: app -> drained host -> host that drained it -> `{"address", "since", "at_work",
        "expires_in_s", "problem", "kept"}`; `kept` is None, or `{"run", "reason", "at"}` of a host that stays drained
        until it's proven.
    """
    result: dict[str, Any] = {}
    for where, pages in found.items():
        for app, page in pages.items():
            lease = leases.get(where)
            at_work = page["run"] in runs_of(lease)
            for name, one in page["hosts"].items():
                about = {"address": one["address"], "since": one["at"], "at_work": at_work}
                about |= {key: page[key] for key in ("expires_in_s", "problem")} | {"kept": one.get("kept")}
                result.setdefault(app, {}).setdefault(name, {})[where] = about
                if about["kept"]:
                    proving = about["kept"]["reason"] == DOUBT and about["kept"].get("run") in runs_of(lease)
                    text = _kept(app, run.environment.name, name, where, about["kept"], proving=proving)
                    run.emit(Notice(text, warning=not proving))
                    continue
                until = _until(app, run.environment.name, about)
                run.emit(Notice(f"{name} is drained on {where} for {app}; {until}", warning=not at_work))
    return result


def say_kept(run: Run, drained: Drained) -> dict[str, Any]:
    """Names the hosts that are kept out of use; the same as data, as `say_drained` gives it."""
    kept: dict[str, dict[str, Any]] = {}
    for where, pages in drained.pages.items():
        for app, page in pages.items():
            hosts = {name: one for name, one in page["hosts"].items() if one.get("kept")}
            if hosts:
                kept.setdefault(where, {})[app] = page | {"hosts": hosts}
    return say_drained(run, kept, drained.leases)


def _kept(app: str, environment: str, name: str, where: str, kept: dict[str, Any], *, proving: bool) -> str:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept["at"]))
    if proving:
        return (
            f"{name} is kept out of use on {where} for {app} since {since}: its run is at work, and has yet to prove it"
        )
    back = "the next provision, deployment or rollback puts it back once it proves well"
    by_hand = f"`cdconf undrain {app} --env {environment} --limit {name}` does so untested"
    return f"{name} is kept out of use on {where} for {app} since {since}: {kept['reason']}; {back}, {by_hand}"


def _until(app: str, environment: str, about: dict[str, Any]) -> str:
    left = about["expires_in_s"]
    if about["problem"]:
        return f"it can't be put back: {about['problem']}; tried again by the host itself"
    if left is None:
        return f"put back by `cdconf deploy {app} --to {environment} --resume`, or the next deployment"
    clock = time.strftime("%H:%M:%S", time.localtime(time.time() + left))
    if about["at_work"]:
        return f"its run is at work; without it, put back at {clock} (in {left} s)"
    return f"its run is dead: put back by the host itself at {clock} (in {left} s)"
