"""Hosts in a directory: the agent's own code, called without a session, on a store and releases of their own."""

from types import SimpleNamespace

from cdconf.agent.migrations import migrations
from cdconf.agent.protocol import deploy_calls
from cdconf.agent.records.ledger import Ledger
from cdconf.agent.records.store import HostStore
from cdconf.agent.release import tree
from cdconf.agent.release.releases import Releases
from cdconf.engine import Outcome
from cdconf.errors import Unreachable
from cdconf.inventory.hooks import Hooks
from cdconf.inventory.model import App, Migrate, Shared
from cdconf.session import AgentError
from cdconf.session.calls import Calls


class PaperApp(SimpleNamespace):
    """As much of an app as a test is about."""

    document = App.document


def app_of(expand="echo x >> $LOG", contract="echo c >> $LOG", **more):
    """An app whose migrations write a line into the file of `log`."""
    values = {"name": "app", "path": "/srv/app", "services": (), "user": None, "env_file": None}
    values |= {"confirm_within": 0, "file": "cdconf.yml", "line": 7, "migrate": Migrate(expand, contract, 30.0)}
    values |= {"keep": 5, "shared": Shared(), "runs_on": lambda host: "web" in host.groups}
    values |= {"activation": {}, "stops": (), "hooks": Hooks(), "prepare": ()} | more
    values["known"] = {"name": values["name"], "path": values["path"], "services": list(values["services"])}
    return PaperApp(**values)


class PaperHost(Calls):
    """One host; `silent` makes it unreachable, `cut_after` names a call whose answer is lost."""

    def __init__(self, folder, name):
        self.host = SimpleNamespace(name=name, groups=("web",))
        self.lease = None
        self.silent = False
        self.cut_after = None
        self.calls = []
        self.path = folder / name / "srv"
        self.store = HostStore("demo", str(folder / name / "state"))
        lease = SimpleNamespace(check=lambda: None, by=dict, run="r1")
        self.agent = SimpleNamespace(store=self.store, lease=lease, proceed=lambda: None)

    def call(self, name, app, **keywords):
        if self.silent:
            raise Unreachable("it's silent", host=self.host.name)
        self.calls.append(name)
        area, _, rest = name.partition(".")
        function = migrations.CALLS[rest] if area == "migrations" else getattr(deploy_calls, rest)
        try:
            result = function(self.agent, app={**app, "path": str(self.path)}, **keywords)
        except migrations.Failed as error:
            raise AgentError(
                error.message, host=self.host.name, reason=error.kind, details=error.details, detail=None
            ) from error
        if self.cut_after == name:
            self.silent = True
            raise Unreachable("the connection broke", host=self.host.name)
        return result

    def ledger(self):
        return Ledger(self.store, "app")

    def stage(self, version):
        """Puts a release there; returns its name and its tree digest."""
        ledger = self.ledger()
        releases = Releases(str(self.path), ledger)
        place = self.path / "releases" / "new"
        place.mkdir(parents=True)
        (place / "VERSION").write_text(version)
        manifest = tree.scan(str(place))
        digest = tree.digest(manifest)
        name = f"{version}-{digest[:12]}"
        place.rename(place.with_name(name))
        releases._write_records(name, manifest, {})
        ledger.staged(name, version, f"archive-{version}", digest)
        return name, digest

    def deploy(self, version):
        """Makes a release the verified one, staging it where it isn't here; returns its name."""
        names = [name for name in self.ledger().page["releases"] if name.startswith(f"{version}-")]
        name = names[0] if names else self.stage(version)[0]
        ledger = self.ledger()
        Releases(str(self.path), ledger).point(name)
        ledger.confirmed(name, "r1")
        return name

    def verified(self):
        return [name.rpartition("-")[0] for name in self.ledger().page["verified"]]


class PaperFleet:
    """What a `Fleet` offers, over paper hosts."""

    def __init__(self, folder, names):
        self.sessions = {name: PaperHost(folder, name) for name in names}
        self.environment = SimpleNamespace(name="dev")
        self.identity = SimpleNamespace(run="r1")
        self.hosts = [session.host for session in self.sessions.values()]

    def connected(self, hosts):
        return list(hosts)

    def each(self, hosts, job):
        results, errors = {}, {}
        for host in hosts:
            try:
                results[host.name] = job(self.sessions[host.name])
            except (Unreachable, AgentError) as error:
                errors[host.name] = error
        return Outcome(results, errors)

    def deploy(self, version):
        names = [session.deploy(version) for session in self.sessions.values()]
        return names[0]

    def pages(self, app):
        return {name: one.call("app.status", app=app.document()) for name, one in self.sessions.items()}
