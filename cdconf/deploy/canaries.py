"""A release that only some of an app's hosts were given: it's finished, or taken back, by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.errors import GateClosed

if TYPE_CHECKING:
    from cdconf.deploy.interrupted import InterruptedDeployment
    from cdconf.inventory import App, Host

Pages = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Canary:
    """A canary that stands.

    Attributes:
        release: The name of the release.
        hosts: Those that were given it, and run it.
        others: Those that run something else, or nothing.
        since: When it was confirmed, in seconds since 1970.
    """

    release: str
    hosts: tuple[str, ...]
    others: tuple[str, ...]
    since: float

    @property
    def version(self) -> str:
        """The release's version."""
        return self.release.rpartition("-")[0]

    def ways(self, app: str, environment: str) -> str:
        """The commands that end it."""
        back = f"cdconf rollback {environment} {app} --limit {','.join(self.hosts)}"
        return f"finish it with `cdconf deploy {app}@{self.version} --to {environment}`, or take it back with `{back}`"

    def as_dict(self) -> dict[str, Any]:
        """For JSON documents."""
        return {"release": self.release, "hosts": list(self.hosts), "others": list(self.others), "since": self.since}


def canary_of(pages: Pages) -> Canary | None:
    """The canary that an app's hosts tell of: one stands for as long as another host runs something else; pure.

    Args:
        pages: What each host says of the app; of a host that wasn't asked nothing is said.
    """
    given = {
        name: page["confirmed"]
        for name, page in pages.items()
        if page["confirmed"] and page["confirmed"].get("canary") and page["linked"] == page["confirmed"]["release"]
    }
    if not given:
        return None
    newest = max(given.values(), key=lambda one: float(one["at"]))
    release = str(newest["release"])
    hosts = tuple(name for name, one in given.items() if one["release"] == release)
    others = tuple(name for name, page in pages.items() if page["linked"] != release)
    return Canary(release, hosts, others, float(newest["at"])) if others else None


def check_canary(app: App, environment: str, pages: Pages, release: str) -> None:
    """Raises `GateClosed` where another release is to be deployed while a canary stands."""
    found = canary_of(pages)
    if found is not None and found.release != release:
        who = ", ".join(found.hosts)
        raise GateClosed(
            f"{found.version} of '{app.name}' is a canary on {who}, and neither finished nor taken back",
            hint=found.ways(app.name, environment),
        )


def limited(hosts: Sequence[Host], names: frozenset[str] | None) -> list[Host]:
    """Those hosts that a run is limited to; None: all."""
    return [host for host in hosts if names is None or host.name in names]


def is_canary(pages: Pages, names: Sequence[str], release: str) -> bool:
    """Whether some host would still run something else, once these have the release."""
    return any(page["linked"] != release for name, page in pages.items() if name not in names)


def unfinished(pages: Pages, found: InterruptedDeployment) -> tuple[list[str], bool]:
    """(the hosts that an interrupted deployment still has to bring its release to, whether it's a canary's).

    Of a canary, hosts that it didn't come to stay as they are.
    """
    told = [pages[name]["confirmed"] or {} for name in found.confirmed]
    canary = any(one.get("canary") and one.get("run") == found.run for one in told)
    names = [name for name in pages if name not in found.confirmed]
    return [name for name in names if not canary or name in (*found.activated, *found.reverted)], canary
