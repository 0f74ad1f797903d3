"""What a host can be asked, a method for each call: whoever asks gets a value of the type that's declared for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cdconf.session import answers as a
    from cdconf.session import app_answers as p

App = Mapping[str, Any]  # what an agent needs to know of an app, see `cdconf.agent.protocol.deploy_calls`


class Calls(ABC):
    """The calls of `cdconf.agent.protocol.calls`; what each of them does, takes and raises is said there."""

    @abstractmethod
    def call(
        self,
        name: str,
        *,
        on_event: Callable[[Any], object] | None = None,
        raw: Iterable[bytes] = (),
        **arguments: Any,
    ) -> Any:
        """Calls the agent: see `Session.call`. The methods below are what's called elsewhere."""

    def open(self, project: str, facts: Sequence[str], *, ends_leases: bool) -> a.Opened:
        """Begins the session."""
        answer: a.Opened = self.call("open", project=project, facts=list(facts), ends_leases=ends_leases)
        return answer

    def gather(self, groups: Sequence[str]) -> dict[str, Any]:
        """Facts of some groups."""
        answer: dict[str, Any] = self.call("facts", groups=list(groups))
        return answer

    def projects(self) -> dict[str, a.Identity | None]:
        """Whose the host is, by all projects."""
        answer: dict[str, a.Identity | None] = self.call("projects")
        return answer

    def take_lease(self, **about: Any) -> a.Taken:
        """Takes the host's lease."""
        answer: a.Taken = self.call("lease.take", **about)
        return answer

    def join_lease(self, **about: Any) -> a.Taken:
        """Works within the lease of the run that has started this one."""
        answer: a.Taken = self.call("lease.join", **about)
        return answer

    def check_lease(self) -> None:
        """Raises when this run no longer holds the host."""
        self.call("lease.check")

    def give_lease_back(self) -> None:
        """Ends this run's lease."""
        self.call("lease.give_back")

    def force_lease(self) -> a.DamagedLease | a.LeaseState | None:
        """Ends anyone's lease."""
        answer: a.DamagedLease | a.LeaseState | None = self.call("lease.force")
        return answer

    def converge(
        self,
        catalog: Mapping[str, Any],
        *,
        check: bool,
        prune: bool = False,
        on_event: Callable[[a.ResourceEvent], object],
        **remembered: Any,
    ) -> a.Converged:
        """Applies a catalog, or checks it; `digest` and `files` are what the host remembers of it."""
        answer: a.Converged = self.call(
            "converge", on_event=on_event, catalog=catalog, check=check, prune=prune, **remembered
        )
        return answer

    def mend(
        self,
        catalog: Mapping[str, Any],
        *,
        check: bool,
        leave: Sequence[Sequence[str]],
        later: bool,
        on_event: Callable[[a.ResourceEvent], object],
    ) -> a.Mended:
        """Puts right what differs by hand alone, but for `leave`: (type, title); `later`: handlers only become due."""
        how: dict[str, Any] = {"check": check, "leave": leave, "later": later}
        answer: a.Mended = self.call("mend", on_event=on_event, catalog=catalog, **how)
        return answer

    def plan(
        self, catalog: Mapping[str, Any], *, prune: bool, on_event: Callable[[a.MarkedEvent], object]
    ) -> a.PlanAnswer:
        """Checks a catalog, with marks."""
        answer: a.PlanAnswer = self.call("plan", on_event=on_event, catalog=catalog, prune=prune)
        return answer

    def drift_look(self, catalog: Mapping[str, Any], *, on_event: Callable[[a.ResourceEvent], object]) -> a.Converged:
        """Checks a catalog, with times and evidence."""
        answer: a.Looked = self.call("drift.look", on_event=on_event, catalog=catalog)
        return answer

    def drift_applied(self, *, on_event: Callable[[a.ResourceEvent], object]) -> a.Looked:
        """Compares the host with what it remembers."""
        answer: a.Looked = self.call("drift.applied", on_event=on_event)
        return answer

    def drift_note(self, kind: str, title: str, *, there: bool) -> a.Noted:
        """Has the host remember a finding that was made here, or forget it."""
        answer: a.Noted = self.call("drift.note", kind=kind, title=title, there=there)
        return answer

    def history(self) -> p.HostMemory:
        """What the host remembers."""
        answer: p.HostMemory = self.call("history")
        return answer

    def portray(self, catalog: Mapping[str, Any], key: str, portrayed: Mapping[str, list[str]]) -> a.Portrayed:
        """What the host really is."""
        answer: a.Portrayed = self.call("portray", catalog=catalog, key=key, portrayed=portrayed)
        return answer

    def boot_id(self) -> str:
        """The id of the host's boot."""
        answer: str = self.call("boot_id")
        return answer

    def reboot(self) -> None:
        """Reboots the host; the answer may be lost."""
        self.call("reboot")

    def look_put(self, **about: Any) -> None:
        """Lets a key look at the host, and do nothing else."""
        self.call("look.put", **about)

    def look_take_away(self, **about: Any) -> None:
        """Takes that back."""
        self.call("look.take_away", **about)

    def app_status(self, app: App) -> p.AppStatus:
        """What the host knows of an app."""
        answer: p.AppStatus = self.call("app.status", app=app)
        return answer

    def app_preflight(self, app: App, **about: Any) -> p.AppReady:
        """Finds what would stop a deployment."""
        answer: p.AppReady = self.call("app.preflight", app=app, **about)
        return answer

    def app_changes(self, app: App) -> p.AppChanges:
        """How the current release's files differ from what was deployed."""
        answer: p.AppChanges = self.call("app.changes", app=app)
        return answer

    def app_prepare(self, app: App, **about: Any) -> p.AppLacking:
        """Begins to stage a release."""
        answer: p.AppLacking = self.call("app.prepare", app=app, **about)
        return answer

    def app_stage(self, app: App, release: str, about: Mapping[str, Any], *, raw: Iterable[bytes]) -> None:
        """Stages the prepared release; `raw` are the chunks that lack."""
        self.call("app.stage", raw=raw, app=app, release=release, about=about)

    def app_share(self, app: App, release: str) -> None:
        """Gives a release its links into shared/."""
        self.call("app.share", app=app, release=release)

    def app_install(self, app: App, release: str) -> p.AppInstalled:
        """Installs the packages that a release's lock files name."""
        answer: p.AppInstalled = self.call("app.install", app=app, release=release)
        return answer

    def app_stop(self, app: App, release: str, within: float | None) -> None:
        """Stops the services that mustn't see a migration."""
        self.call("app.stop", app=app, release=release, within=within)

    def app_activate(self, app: App, release: str, within: float | None, *, back: bool) -> p.AppHooks:
        """Makes a release the current one."""
        answer: p.AppHooks = self.call("app.activate", app=app, release=release, within=within, back=back)
        return answer

    def app_hook(self, app: App, release: str, which: str) -> p.AppHooks:
        """Runs a hook in the current release."""
        answer: p.AppHooks = self.call("app.hook", app=app, release=release, which=which)
        return answer

    def app_restart(self, app: App, environment: str) -> None:
        """Restarts the services of the verified release."""
        self.call("app.restart", app=app, environment=environment)

    def app_adopt(self, app: App, release: str, within: float | None) -> None:
        """Takes up an unfinished activation."""
        self.call("app.adopt", app=app, release=release, within=within)

    def app_holds(self, app: App, release: str) -> None:
        """Raises unless an activation still stands."""
        self.call("app.holds", app=app, release=release)

    def app_roll_back(self, app: App, why: str | None) -> p.AppReleased:
        """Back to the last verified release."""
        answer: p.AppReleased = self.call("app.roll_back", app=app, why=why)
        return answer

    def app_confirm(self, app: App, release: str, keep: int) -> p.AppConfirmed:
        """The release is verified."""
        answer: p.AppConfirmed = self.call("app.confirm", app=app, release=release, keep=keep)
        return answer

    def app_pin(self, app: App, archive: str, version: str, reason: str) -> None:
        """Refuses an artifact from now on."""
        self.call("app.pin", app=app, archive=archive, version=version, reason=reason)

    def app_unpin(self, app: App, archive: str, reason: str | None = None) -> None:
        """Allows it again."""
        self.call("app.unpin", app=app, archive=archive, reason=reason)

    def app_check_health(
        self,
        check: Mapping[str, Any],
        within: float,
        names: Sequence[str] = (),
        *,
        on_event: Callable[[p.HealthAttempt], None] | None = None,
    ) -> p.HealthAnswer:
        """Waits until an app is healthy."""
        answer: p.HealthAnswer = self.call(
            "app.check_health", on_event=on_event, check=check, within=within, names=list(names)
        )
        return answer

    def drain_status(self, app: str) -> p.DrainStatus:
        """What the host has drained for an app."""
        answer: p.DrainStatus = self.call("drain.status", app=app)
        return answer

    def drain_begin(self, drain: Mapping[str, Any], hosts: Sequence[Mapping[str, str]], within: float | None) -> None:
        """Drains hosts."""
        self.call("drain.begin", drain=drain, hosts=list(hosts), within=within)

    def drain_holds(self, app: str, names: Sequence[str]) -> None:
        """Raises unless hosts are still drained."""
        self.call("drain.holds", app=app, names=list(names))

    def drain_keep(self, app: str, reasons: Mapping[str, str]) -> None:
        """Keeps drained hosts out of use."""
        self.call("drain.keep", app=app, reasons=dict(reasons))

    def drain_end(self, drain: Mapping[str, Any], names: Sequence[str], *, proven: bool) -> p.DrainEnd:
        """Puts drained hosts back."""
        answer: p.DrainEnd = self.call("drain.end", drain=drain, names=list(names), proven=proven)
        return answer

    def maintenance_on(self, page: Mapping[str, Any], *, until: float, reason: str | None) -> None:
        """Shows an app's maintenance page."""
        self.call("maintenance.on", page=page, until=until, reason=reason)

    def maintenance_off(self, app: str) -> p.PageOff:
        """Takes it away."""
        answer: p.PageOff = self.call("maintenance.off", app=app)
        return answer

    def maintenance_status(self, app: str) -> p.PageStatus:
        """Whether it's shown."""
        answer: p.PageStatus = self.call("maintenance.status", app=app)
        return answer

    def migrations_memory(self, app: App) -> p.MigrationEntries:
        """What the host remembers of an app's migrations."""
        answer: p.MigrationEntries = self.call("migrations.memory", app=app)
        return answer

    def migrations_learn(self, app: App, entries: Sequence[Mapping[str, Any]]) -> None:
        """Tells it what others remember."""
        self.call("migrations.learn", app=app, entries=list(entries))

    def migrations_forget(self, app: App) -> None:
        """Forgets all of it."""
        self.call("migrations.forget", app=app)

    def migrations_give_up(self, app: App, releases: Sequence[str]) -> None:
        """Takes releases from those that a rollback could go to."""
        self.call("migrations.give_up", app=app, releases=list(releases))

    def migrations_run(self, app: App, entry: Mapping[str, Any], **about: Any) -> p.MigrationResult:
        """Runs a migration."""
        answer: p.MigrationResult = self.call("migrations.run", app=app, entry=entry, **about)
        return answer

    def toggles_look(self, app: App) -> p.TogglesLook:
        """How an app's toggles are."""
        answer: p.TogglesLook = self.call("toggles.look", app=app)
        return answer

    def toggles_put(self, app: App) -> p.TogglesChanged:
        """Makes them what the inventory says."""
        answer: p.TogglesChanged = self.call("toggles.put", app=app)
        return answer

    def toggles_try_out(self, app: App, toggle: str, *, on: bool) -> p.TogglesChanged:
        """Switches one toggle until it's settled or put back."""
        answer: p.TogglesChanged = self.call("toggles.try_out", app=app, toggle=toggle, on=on)
        return answer

    def toggles_settle(self, app: App) -> None:
        """The change has proven well."""
        self.call("toggles.settle", app=app)

    def toggles_put_back(self, app: App) -> p.TogglesChanged:
        """Ends the change with what was there before."""
        answer: p.TogglesChanged = self.call("toggles.put_back", app=app)
        return answer
