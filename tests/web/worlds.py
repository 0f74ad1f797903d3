"""Projects to look at: `empty` has nothing, `little` is what a team has after some weeks, `much` is a large one.

Keys, signers and the policy lie under HOME, so `at_home` comes first.
"""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cdconf.artifacts import ArtifactStore
from cdconf.artifacts.backends import place_of
from cdconf.inventory import load_project
from cdconf.promotion import office_keys, signers
from cdconf.promotion.line_stops import StopTarget, stop
from cdconf.promotion.offices import named
from cdconf.promotion.procedure import procedure_of
from cdconf.promotion.said import Proof, Subject
from cdconf.promotion.saying import say
from tests.conftest import git as asked_of_git
from tests.conftest import write
from tests.promotion.world import archive
from tests.web.dashboard import git, make, ran

HOUR = 3600.0
SUBJECTS = (
    *("Show the price in the cart", "Send the receipt as PDF", "Round prices to cents", "Remember the last address"),
    *("Let customers cancel an order", "Sort articles by stock", "Sign in by a link"),
)
SHOP = {
    "cdconf.yml": """
        project: shop
        groups: {db: [base], web: [base], lb: [base]}
        apps:
          shop:
            groups: [web]
            path: /srv/shop
            artifact: dist/shop-*.tar.gz
            build: make
            toggles:
              new_cart: {default: off, doc: The cart on one page, owner: ann}
          mailer: {groups: [web], path: /srv/mailer, artifact: dist/mailer-*.tar.gz, build: make}
        pipeline:
          - {stage: acceptance, copy_of: production}
          - {stage: manual, environment: staging}
          - {stage: release, environment: production}
    """,
    "inventories/production/hosts.yml": """
        hosts:
          lb1: {address: 10.0.0.5, groups: [lb], os: debian-12}
          web1: {address: 10.0.0.11, groups: [web], os: debian-12}
          web2: {address: 10.0.0.12, groups: [web], os: debian-12}
          web3: {address: 10.0.0.13, groups: [web], os: debian-12}
          db1: {address: 10.0.0.20, groups: [db], os: debian-12}
        require:
          - after: [manual]
          - approvals: {count: 1, from: [ops], not_author: true}
          - window: {days: mon-thu, from: "09:00", to: "16:00", zone: Europe/Berlin}
    """,
    "inventories/production/waivers.yml": """
        waivers:
          - host: web3
            type: file
            title: /etc/motd
            until: 2030-06-30
            reason: the hoster writes it at each boot
            by: ben
            added: 2026-11-01
    """,
    "inventories/staging/toggles.yml": "shop: {new_cart: true}\n",
    "inventories/staging/hosts.yml": "copy_of: production\nprovider: docker\n",
    "roles/base/role.yml": "resources:\n  - directory: /srv/base\n",
    ".gitignore": ".cdconf/\n",
}
POLICY = """\
version: 1
people:
  ann: {{git: [ann@example.org], groups: [dev]}}
  ben: {{keys: ['{key}'], git: [ben@example.org], groups: [ops]}}
"""


@contextlib.contextmanager
def at_home(folder: Path):
    """Has keys and the policy lie in a directory."""
    names = ("CDCONF_SIGNERS", "CDCONF_SIGNING_KEY_DIR", "CDCONF_POLICY", "CDCONF_TRUSTED_KEYS")
    before = {name: os.environ.pop(name, None) for name in names} | {"HOME": os.environ["HOME"]}
    folder.mkdir(exist_ok=True)
    os.environ["HOME"] = str(folder)
    try:
        yield folder
    finally:
        os.environ.update({name: value for name, value in before.items() if value is not None})


@dataclass
class World:
    """A project, and addresses of it beside those that every project has."""

    root: Path
    paths: dict[str, str]


def empty(folder: Path) -> World:
    """A project in which nothing has happened yet."""
    return World(make(folder / "empty"), {})


def little(folder: Path) -> World:
    """What a team has after some weeks: a rollback, a stop, an approval that is waited for, drift, a waiver."""
    root = write(folder / "shop", SHOP)
    (root / ".cdconf").mkdir(mode=0o700)
    git(root, "init", "-q", "-b", "main")
    line = _Line(root, folder)
    now = time.time()
    for number in range(1, 22):
        at = now - (22 - number) * 7 * HOUR
        commit = line.commit(f"{SUBJECTS[number % len(SUBJECTS)]} ({number})", at - (2 + number % 3) * HOUR)
        about = {"environment": "staging" if number % 2 else "production", "user": ("ann", "ben")[number % 3 == 0]}
        about |= {"app": "mailer" if number % 5 == 0 else "shop", "version": f"2.{number}", "commit": commit}
        ran(root, number, started_at=at, committed_at=at + 40, duration_s=40.0 + number, **about)
    passed = line.build("2.20")
    for stage in ("acceptance", "manual", "release"):
        line.passes(passed, stage)
    line.commit("Let customers pay by invoice")
    broken = line.build("2.21")
    line.passes(broken, "acceptance")
    line.commit("Tell customers when an order is sent")
    waiting = line.build("2.22")
    for stage in ("acceptance", "manual"):
        line.passes(waiting, stage)
    stop(
        line.project, StopTarget("shop", broken), "deployment to production failed: the cart answers 500", None, _quiet
    )
    bad = ran(root, 40, _rollback(now - 2 * HOUR), started_at=now - 2 * HOUR, **_failed("2.21"))
    drift = ran(root, 41, _drift(now), started_at=now - HOUR, **_looked())
    return World(root, {"rollback": f"/runs/{bad}", "look": f"/runs/{drift}", **_of("production", "web2", waiting)})


def much(folder: Path) -> World:
    """A large one: many apps, environments, hosts and findings, all of them with long names."""
    apps = [f"customer-{name}-service" for name in ("orders", "invoices", "prices", "stock", "mail", "search")]
    apps += [f"legacy-batch-{number:02d}" for number in range(24)]
    lines = "".join(
        f"  {app}: {{groups: [web], path: /srv/{app}, artifact: dist/{app}-*.tar.gz, build: make}}\n" for app in apps
    )
    names = [f"production-region-{number:02d}" for number in range(16)]
    stages = "".join(f"    - {{stage: {name}, environment: {name}}}\n" for name in names[:6])
    machines = [f"web-{one:03d}-internal" for one in range(400)]
    hosts = "".join(
        f"  web-{one:03d}-internal: {{address: 10.0.{one // 250}.{one % 250 + 1}, groups: [web]}}\n"
        for one in range(400)
    )
    files = {f"inventories/{name}/hosts.yml": f"provider: existing\nhosts:\n{hosts}" for name in names}
    files["cdconf.yml"] = (
        f"project: warehouse-and-logistics\ngroups: {{web: []}}\napps:\n{lines}pipeline:\n  stages:\n{stages}"
    )
    files[".gitignore"] = ".cdconf/\n"
    root = write(folder / "warehouse", files)
    (root / ".cdconf").mkdir(mode=0o700)
    git(root, "init", "-q", "-b", "main")
    line = _Line(root, folder, names[:6])
    line.commit("begin")
    now, number = time.time(), 0
    for environment in names:
        for app in apps:
            number += 1
            about = {"environment": environment, "app": app, "version": f"2026.11.{number}+build.{number * 7}"}
            failed = _failed(about["version"]) if number % 9 == 0 else {}
            ran(root, number, started_at=now - 900_000 + number * 900, **{**failed, **about})
    for one in range(30):
        line.commit(f"Change number {one} of very many, with a subject that is longer than any column is wide")
        built = line.build(f"2026.12.{one}", apps[0])
        for stage in names[: one % 6]:
            line.passes(built, stage, stage)
    findings = [
        {"event": "resource", "host": f"web-{one:03d}-internal", "type": "file", "status": "would_change", "at": now}
        | {"title": f"/etc/service/conf.d/{one:03d}-a-long-name.conf", "source": "roles/web/role.yml:12"}
        | {"cause": "by_hand", "first_seen": now - one * HOUR, "fields": {"by_hand": ["content", "mode"]}}
        for one in range(300)
    ]
    looked = _looked() | {"environment": names[0]}
    looked["hosts"] = {name: {"status": "ok", "ok": 9} for name in machines}
    last = ran(root, number + 1, findings, started_at=now - HOUR, **looked)
    everywhere = _failed("2026.12.1") | {"environment": names[0], "app": apps[0]}
    everywhere["hosts"] = {name: {"status": "rolled_back"} for name in machines}
    bad = ran(root, number + 2, _rollback(now, 300), started_at=now - HOUR, **everywhere)
    return World(
        root, {"rollback": f"/runs/{bad}", "look": f"/runs/{last}", **_of(names[0], "web-007-internal", built)}
    )


def _of(environment, host, artifact):
    return {"host": f"/hosts/{environment}/{host}", "one-review": f"/review/{artifact.label}/{environment}"}


class _Line:
    """Builds and proves, as stages would."""

    def __init__(self, root, folder, stages=("acceptance", "manual", "release")):
        self.root, self.folder, self.stages = root, folder, stages
        key = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        self.commit("Begin", time.time() - 30 * 24 * HOUR)
        policy = Path.home() / ".config/cdconf/policy" / f"{self.project.name}.yml"
        policy.parent.mkdir(parents=True, exist_ok=True)
        policy.write_text(POLICY.format(key=key))
        policy.chmod(0o600)
        for stage in stages:
            office = named(f"stage:{stage}")
            signers.trust(self.project, office, office_keys.new(self.project, office))

    @property
    def project(self):
        return load_project(self.root)

    def commit(self, what, at=None):
        (self.root / "note").write_text(what)
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", what, at=at)
        return asked_of_git(self.root, "rev-parse", "HEAD")

    def build(self, version, app="shop"):
        about = {"commit_time": 0.0, "built_at": time.time(), "duration_s": 9.0, "builder": "ci", "dirty": False}
        about["commit"] = asked_of_git(self.root, "rev-parse", "HEAD")
        made = archive(self.folder / f"{app}-{version}.tar.gz", version.encode())
        return ArtifactStore(self.project).add(app, version, made, **about)

    def passes(self, artifact, stage, environment=None):
        homes = {"acceptance": "try-1", "manual": "staging", "release": "production"}
        now = time.time()
        proof = Proof(
            subject=Subject.of(artifact),
            project=self.project.name,
            app=artifact.app,
            version=artifact.version,
            stage=stage,
            environment=environment or homes[stage],
            copy_of="production",
            result="passed",
            procedure=procedure_of(self.root, artifact.commit, artifact.app).digest,
            tool="sha256:0",
            commit=artifact.commit,
            started=now - 90,
            finished=now - 30,
            hosts={},
            smoke={"passed": 12, "failed": 0},
            acceptance={"passed": 40, "failed": 0},
            parity=None,
            run="r",
            isolated=True,
        )
        say(place_of(self.project), proof, office_keys.needed(self.project, named(f"stage:{stage}")))


def _quiet(event):
    pass


def _failed(version):
    hosts = {f"web{one}": {"status": "rolled_back", "ok": 6, "changed": 0, "failed": 0} for one in range(1, 4)}
    about = {"exit_code": 1, "verdict": True, "committed_at": None, "hosts": hosts, "version": version, "user": "ann"}
    return about | {"error": "web2: the smoke test 'the cart answers' failed", "duration_s": 31.0}


def _rollback(at, hosts=1):
    said = [
        {"at": at + 1, "event": "step", "message": "stage"},
        {"at": at + 3, "event": "step", "message": "batch 1 of 2: web1"},
        {"at": at + 9, "event": "smoke", "host": "web1", "test": "the cart answers", "passed": True},
        {"at": at + 14, "event": "step", "message": "batch 2 of 2: web2, web3"},
    ]
    steps = ("draining", "activating", "healthy")
    for number in range(2, 2 + hosts):
        said += [
            {"at": at + 15 + n, "event": "host_step", "host": f"web{number}", "message": s} for n, s in enumerate(steps)
        ]
    bad = {"at": at + 19, "event": "smoke", "host": "web2", "test": "the cart answers", "passed": False}
    said.append(bad | {"message": "GET /cart gave 500, not 200"})
    return [*said, {"at": at + 20, "event": "step", "message": "roll back: web1, web2, web3"}]


def _looked():
    hosts = {name: {"status": "ok", "ok": 28} for name in ("lb1", "web1", "web2", "web3", "db1")}
    about = {"command": "drift", "app": None, "version": None, "exit_code": 2, "committed_at": None, "user": "cron"}
    return about | {"hosts": hosts, "duration_s": 3.0}


def _drift(now):
    file = {"event": "resource", "type": "file", "at": now - HOUR, "source": "roles/web/role.yml:12"}
    by_hand = {"status": "would_change", "cause": "by_hand", "fields": {"by_hand": ["content"]}}
    nginx = file | by_hand | {"host": "web2", "title": "/etc/nginx/nginx.conf", "first_seen": now - 9 * HOUR}
    motd = file | by_hand | {"host": "web3", "title": "/etc/motd", "waived": "the hoster writes it at each boot"}
    service = {"event": "resource", "type": "service", "title": "cron", "host": "db1", "at": now - HOUR}
    service |= {"status": "would_change", "cause": "both", "source": "roles/base/role.yml:3", "first_seen": now - HOUR}
    return [nginx, motd, service | {"message": "it's stopped, and should run"}]
