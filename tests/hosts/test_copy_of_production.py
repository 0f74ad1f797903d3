"""Production on machines that something else has made, behind a bastion, and its copy in containers: are they alike?"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import CDCONF, cdconf, git, write
from tests.host_image import furnished
from tests.hosts.machines import Machines
from tests.promotion.crew import key_pair, line_of

pytestmark = pytest.mark.hosts
REPOSITORY = Path(__file__).resolve().parents[2]
PLACES = {"lb1": "192.0.2.10", "web1": "192.0.2.11", "web2": "192.0.2.12", "db1": "192.0.2.20"}
PASSWORD = "a very long word"
# What the example has no use for, and a difference could be in: a kernel parameter, a group, more toggles.
MORE = {
    "roles/base/role.yml": '  - sysctl: net.ipv4.tcp_fin_timeout\n    value: "30"\n',
    "roles/tools/role.yml": "resources:\n  - {file: /etc/tools, content: here}\n",
}


class Shop:
    """A copy of the example project, whose production are the machines.

    Args:
        root: For its files.
        machines: They run.
    """

    def __init__(self, root, machines):
        self.root = root
        self.machines = machines
        self.identity = root.parent / "age.txt"
        self.env = {
            "CDCONF_AGE_IDENTITY": str(self.identity),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        skipped = shutil.ignore_patterns("build", "dist", "__pycache__")
        for name in ("roles", "templates", "inventories", "examples/shop"):
            shutil.copytree(REPOSITORY / name, root / name, ignore=skipped)
        config = (REPOSITORY / "cdconf.yml").read_text().partition("pipeline:")[0]
        config = config.replace("project: shop\n", "project: shop\nlease: {ttl: 8s}\n")
        config = config.replace("apps:\n", "  tools: [tools]\napps:\n")
        write(root, {"cdconf.yml": config, ".gitignore": ".cdconf/\nbuild/\ndist/\n"})
        for name, text in MORE.items():
            self.append(name, text)
        self.staging = (root / "inventories/staging/hosts.yml").read_text()
        (self.staging,) = furnished({"staging/hosts.yml": self.staging}).values()
        self.staging = self.staging.replace("differs:\n", "scale: {web: 1}\ndiffers:\n")
        (root / "inventories/staging/hosts.yml").write_text(self.staging)
        self._write_production()
        git(root, "init", "-q")

    def append(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + text)

    def ssh(self, *, jump=True):
        """The section that reaches the machines."""
        fields = {"user": "deploy", "become": "sudo", "identity_file": str(self.machines.key)}
        fields["known_hosts"] = str(self.machines.known)
        fields["jump"] = f"ops@{self.machines.addresses['bastion']}" if jump else "none"
        return f"ssh: {json.dumps(fields)}\n"

    def _write_production(self):
        """The example's own inventory, with real addresses in place of documentation's, and a way to them."""
        path = self.root / "inventories/production/hosts.yml"
        text = path.read_text().partition("require:")[0]  # who promotes it says so
        text = text.replace("ssh: {user: deploy, become: sudo}\n", self.ssh())
        for host, place in PLACES.items():
            assert text.count(place) == 1
            text = text.replace(place, self.machines.addresses[host])
        text = text.replace("groups: [db],", "groups: [db, tools],")
        assert yaml.safe_load(text)["hosts"]["db1"]["groups"] == ["db", "tools"]
        path.write_text(text)
        self("secret", "key")
        key = re.search(r"age1\w+", self.identity.read_text())[0]
        write(self.root, {"inventories/production/recipients.txt": f"{key}\n"})
        command = [*CDCONF, "secret", "set", "production", "shop_db_password"]
        env = {**os.environ, **self.env}
        subprocess.run(command, cwd=self.root, env=env, input=PASSWORD, text=True, check=True, capture_output=True)

    def __call__(self, *arguments, code=0):
        """Runs cdconf; its exit code must be `code`."""
        result = cdconf(self.root, *arguments, **self.env)
        shown = f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        assert result.returncode == code, shown
        assert "bug in cdconf" not in shown
        return result

    def build(self):
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "change", "--allow-empty")
        self("build", "shop")

    def by_hand(self, environment, scripts):
        """Runs a script on each of some hosts of an environment, past everything that cdconf knows of them."""
        cases = "".join(f"{host})\n{script}\n;;\n" for host, script in scripts.items())
        limit = ",".join(scripts)
        self("run", environment, "--limit", limit, "--", f"set -e\ncase $(hostname) in\n{cases}esac")

    def line(self, place):
        """`file:line` of a text in a file, None of nothing."""
        if place is None:
            return None
        lines = (self.root / place[0]).read_text().splitlines()
        return f"{place[0]}:{next(number for number, line in enumerate(lines, 1) if place[1] in line)}"

    def parity(self, code):
        """The unexplained differences, `(kind, name, field)` -> each of them, and the document."""
        document = json.loads(self("parity", "staging", "production", "--json", code=code).stdout)
        found = {}
        for one in document["parity"]["differences"]:
            if one["status"] == "unexplained":
                found.setdefault((one["kind"], one["name"], one["field"]), []).append(one)
        return found, document


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("production")
    machines = Machines(folder, [*PLACES, "spare"])
    root = folder / "shop"
    root.mkdir()
    try:
        machines.make()
        yield Shop(root, machines)
    finally:
        cdconf(root, "destroy", "staging", "--yes")
        machines.remove()


@pytest.fixture(scope="module")
def twins(shop):
    """Both environments, provisioned and deployed by the same commands, and alike."""
    shop.build()

    def make(environment):
        shop("provision", environment)
        shop("deploy", "shop", "--to", environment)

    for environment in ("production", "staging"):
        make(environment)
    found, document = shop.parity(code=0)
    assert found == {}
    assert document["parity"]["unmatched"] == []
    return shop


# --- what is found on existing hosts, before anything is changed


def other(shop, name, hosts, *, jump=True):
    """Writes another environment of the machines: host -> machine."""
    lines = "".join(
        f"  {host}: {{address: {shop.machines.addresses[machine]}, groups: [tools], os: debian-12}}\n"
        for host, machine in hosts.items()
    )
    variables = "server_name: localhost\nshop_banner: none\n"
    write(
        shop.root,
        {
            f"inventories/{name}/hosts.yml": f"{shop.ssh(jump=jump)}hosts:\n{lines}",
            f"inventories/{name}/group_vars/all.yml": variables,
        },
    )


def untouched(shop, machine):
    return shop.machines.shell(machine, "ls -d /var/lib/cdconf/shop /etc/tools 2>/dev/null || true") == ""


def test_the_machines_are_reached_through_the_bastion_alone(twins):
    other(twins, "direct", {"web1": "web1"}, jump=False)
    assert "ssh login as deploy@" in twins("plan", "direct", code=4).stderr
    shutil.rmtree(twins.root / "inventories/direct")
    for command in (["provision", "production"], ["deploy", "shop", "--to", "production"], ["status", "production"]):
        before = twins.machines.logins()
        twins(*command)
        assert twins.machines.logins() == before + 1, command


def test_one_machine_in_two_environments_is_told_before_any_is_changed(twins):
    other(twins, "qa", {"free": "spare", "web1": "web1"})
    for verb in ("plan", "provision", "run"):
        refused = twins(verb, "qa", *(["--", "id"] if verb == "run" else []), code=1).stderr
        assert "inventories/qa/hosts.yml:4: " in refused
        assert "this host is production's 'web1', not qa's" in refused
        assert untouched(twins, "spare"), verb
    status = twins("status", "qa", code=1).stdout
    assert [line.split()[2] for line in status.splitlines() if line.startswith("web1 ")] == ["failed"]


def test_a_machine_moves_when_somebody_says_so(twins):
    other(twins, "qa", {"free": "spare"})
    twins("provision", "qa")
    other(twins, "load", {"one": "spare"})
    assert "cdconf provision load --take-over one" in twins("provision", "load", code=1).stderr
    assert "no host of this run: 'onee'" in twins("provision", "load", "--take-over", "onee", code=1).stderr
    assert "one was qa's 'free': it's taken over" in twins("provision", "load", "--take-over", "one").stderr
    twins("provision", "load")
    assert "this host is load's 'one', not qa's" in twins("provision", "qa", code=1).stderr
    other(twins, "load", {"one": "spare", "two": "spare"})
    refused = twins("provision", "load", code=1).stderr
    assert "inventories/load/hosts.yml:4: two: this is the same machine as another host of this run" in refused
    for name in ("qa", "load"):
        shutil.rmtree(twins.root / "inventories" / name)


# --- parity

TOGGLES = "/srv/shop/shared/toggles.json"
STAGING_BY_HAND = {
    "lb1": "cp /var/lib/dpkg/status /root/status\n"
    "sed -i '/^Package: curl$/,/^$/s/^Version: .*/Version: 9.9-1/' /var/lib/dpkg/status\n"
    "systemctl stop nginx\nrm /etc/nginx/sites-enabled/shop",
    "web1": "echo 99 > /proc/sys/net/ipv4/tcp_fin_timeout\nchmod 0666 /etc/shop/env",
}
PRODUCTION_BY_HAND = {
    "lb1": "systemctl disable -q nginx",
    "web1": "echo changed > /etc/motd\n"
    f"python3 -c \"import json; p='{TOGGLES}'; v=json.load(open(p)); v['stray']=True; json.dump(v, open(p, 'w'))\"",
    "web2": "usermod -s /bin/bash shop\nsed -i 's/^VERSION_ID=.*/VERSION_ID=\"13\"/' /etc/os-release",
    "db1": "dpkg --force-depends -r curl >/dev/null",
}
BASE, NGINX, WEB = "roles/base/role.yml", "roles/nginx/role.yml", "roles/shop/role.yml"
# (kind, name, field) -> in which file, and at which text, staging's part and production's are.
SEEDED = {
    ("resource", "package curl", "version"): [(BASE, "- package: [curl]")] * 2,
    ("resource", "package curl", "exists"): [(BASE, "- package: [curl]")] * 2,
    ("resource", "file /etc/motd", "content"): [(BASE, "- file: /etc/motd")] * 2,
    ("resource", "sysctl net.ipv4.tcp_fin_timeout", "value"): [(BASE, "- sysctl:")] * 2,
    ("resource", "service nginx", "running"): [(NGINX, "- service: nginx")] * 2,
    ("resource", "service nginx", "enabled"): [(NGINX, "- service: nginx")] * 2,
    ("resource", "link /etc/nginx/sites-enabled/shop", "exists"): [(NGINX, "- link: /etc/nginx/sites-enabled/shop")]
    * 2,
    ("resource", "file /etc/nginx/only", "exists"): [(NGINX, "- file: /etc/nginx/only"), None],
    ("resource", "file /etc/shop/env", "mode"): [(WEB, "- file: /etc/shop/env")] * 2,
    ("resource", "user shop", "shell"): [(WEB, "- user: shop")] * 2,
    ("variable", "shop_threads", None): [
        ("inventories/staging/group_vars/web.yml", "shop_threads"),
        ("inventories/production/group_vars/all.yml", "shop_threads"),
    ],
    ("toggle", "shop latest_orders", None): [
        ("inventories/staging/toggles.yml", "latest_orders"),
        ("cdconf.yml", "latest_orders"),
    ],
    ("toggle", "shop stray", None): [None, None],
    ("os", "os", None): [("inventories/staging/hosts.yml", "db1:"), ("inventories/production/hosts.yml", "db1:")],
    ("fact", "os.version", None): [None, None],
    ("scale", "tools", None): [None, None],
    ("orphan", "file /etc/tools", None): [("roles/tools/role.yml", "/etc/tools"), None],
    ("artifact", "shop", "release"): [None, None],
}
# What follows from a seeded difference, and what is told as its cause: a variable, and that a group has no host.
FOLLOWS = {
    ("resource", "file /etc/shop/env", "content"): "shop_threads",
    ("resource", "file /etc/nginx/shop-servers", "content"): "hosts",
}
DECLARED = [
    "{resource: 'package curl', why: seeded}",
    "{variable: shop_threads, why: seeded}",
    "{resource: 'service nginx', group: lb, why: seeded}",
    "{resource: 'file /etc/motd', field: content, why: seeded}",
    "{scale: tools, why: seeded}",
    "{resource: 'file /etc/tools', why: seeded}",
    "{os: debian-13, why: seeded}",
    "{toggle: latest_orders, why: seeded}",
    "{resource: 'sysctl net.*', field: value, why: seeded}",
    "{artifact: shop, why: seeded}",
    "{resource: 'file /etc/shop/env', why: seeded}",
    "{resource: 'user shop', host: web1, field: shell, why: seeded}",
    "{resource: 'link /etc/nginx/sites-enabled/*', why: seeded}",
    "{resource: 'file /etc/nginx/only', why: seeded}",
]


def seed(shop):
    """Makes all differences at once, in the files and by hand."""
    shop.build()
    shop("deploy", "shop", "--to", "staging")
    shop.by_hand("staging", STAGING_BY_HAND)
    shop.by_hand("production", PRODUCTION_BY_HAND)
    role = shop.root / "roles/nginx/role.yml"
    only = "  - file: /etc/nginx/only\n    content: x\n    when: environment.name == 'staging'\nhandlers:\n"
    role.write_text(role.read_text().replace("handlers:\n", only))
    write(
        shop.root,
        {
            "inventories/staging/group_vars/web.yml": "shop_threads: 2\n",
            "inventories/staging/toggles.yml": "shop:\n  latest_orders: off\n",
        },
    )
    hosts = "hosts:\n  db1: {groups: [db], os: debian-13}\n"
    seeded = shop.staging.replace("scale:", f"{hosts}scale:")
    (shop.root / "inventories/staging/hosts.yml").write_text(seeded)
    return seeded


@pytest.mark.once  # it would find what it has seeded itself
def test_each_seeded_difference_is_found_and_passes_when_it_is_declared_or_gone(twins):
    role = twins.root / "roles/nginx/role.yml"
    before = role.read_text()
    seeded = seed(twins)
    found, document = twins.parity(code=2)
    assert document["parity"]["unmatched"] == []
    assert set(found) - set(SEEDED) == set(FOLLOWS)
    for key, places in SEEDED.items():
        assert key in found, (key, sorted(map(str, found)))
        told = [tuple(one["sides"][name]["source"] for name in ("staging", "production")) for one in found[key]]
        assert tuple(twins.line(one) for one in places) in told, (key, told)
    for key, cause in FOLLOWS.items():
        assert any(cause in one["causes"] for one in found[key]), (key, found[key])
    secret = json.loads((twins.root / ".cdconf/environments/staging/secrets.json").read_text())["shop_db_password"]
    assert secret not in json.dumps(document)
    assert PASSWORD not in json.dumps(document)

    # Production is touched by nobody while one of its hosts isn't what the inventory says.
    for command in (["provision", "production"], ["plan", "production"], ["deploy", "shop", "--to", "production"]):
        refused = twins(*command, code=1)
        assert re.search(r"inventories/production/hosts.yml:6: .*it runs debian-13, not debian-12", refused.stderr)
    assert twins.machines.shell("web1", "cat /etc/motd") == "changed"

    twins.by_hand("production", {"web1": f"sed -i 's/, \"stray\": true//' {TOGGLES}"})  # no entry can accept this one
    differs = "".join(f"  - {entry}\n" for entry in DECLARED)
    (twins.root / "inventories/staging/hosts.yml").write_text(seeded + differs)
    found, document = twins.parity(code=0)
    assert document["parity"]["unmatched"] == []
    counts = document["parity"]["counts"]
    assert counts["declared"] >= len(SEEDED)

    (twins.root / "inventories/staging/hosts.yml").write_text(twins.staging)
    role.write_text(before)
    for name in ("group_vars/web.yml", "toggles.yml"):
        (twins.root / "inventories/staging" / name).unlink()
    twins.by_hand("production", {"web2": "sed -i 's/^VERSION_ID=.*/VERSION_ID=\"12\"/' /etc/os-release"})
    twins.by_hand("staging", {"lb1": "cp /root/status /var/lib/dpkg/status"})
    twins("provision", "production")
    twins("provision", "staging")
    twins("deploy", "shop", "--to", "production")
    found, document = twins.parity(code=0)
    assert found == {}
    assert document["parity"]["unmatched"] == []


# --- only what is proven moves on

PIPELINE = "pipeline:\n  - {stage: manual, environment: staging}\n  - {stage: release, environment: production}\n"


@pytest.fixture
def promoted(twins, tmp_path):
    """The same, with a pipeline, so that production has a gate; and the key of the stage before it.

    The operator's policy wants two people besides, of whom none has written it.
    """
    twins.env |= {"CDCONF_SIGNERS": str(tmp_path / "signers"), "CDCONF_SIGNING_KEY_DIR": str(tmp_path / "keys")}
    people = {name: {"keys": [line_of(key_pair(tmp_path, name))]} for name in ("anna", "ben")}
    people["tess"] = {"keys": [line_of(key_pair(tmp_path, "tess"))], "git": ["test@example.com"]}
    require = [{"approvals": {"count": 2, "not_author": True, "expires": "24h"}}]
    policy = {"version": 1, "environments": {"production": {"require": require}}, "people": people}
    (tmp_path / "policy.yml").write_text(json.dumps(policy))
    twins.env["CDCONF_POLICY"] = str(tmp_path / "policy.yml")
    config = (twins.root / "cdconf.yml").read_text()
    twins.append("cdconf.yml", PIPELINE)
    for office in ("stage:manual", "override"):
        twins("key", "new", "--office", office)
    twins.build()
    yield twins
    (twins.root / "cdconf.yml").write_text(config)
    for name in ("CDCONF_SIGNERS", "CDCONF_SIGNING_KEY_DIR", "CDCONF_POLICY"):
        del twins.env[name]


def refused(shop, *arguments):
    """What cdconf says when a gate is closed, before any host was asked."""
    before = shop.machines.logins()
    said = shop(*arguments, code=3).stderr
    assert shop.machines.logins() == before
    return said


def approve(shop, folder, who, artifact, code=0):
    """A person approves with their own key."""
    return shop("approve", artifact, "--to", "production", "--yes", "--key", str(folder / who), code=code)


@pytest.mark.once  # it proves what it wants to find unproven
def test_production_takes_only_what_passed_staging_by_the_same_procedure(promoted, tmp_path):
    shop = promoted
    to_production = ("deploy", "shop", "--to", "production")
    assert "after manual: nobody has said" in refused(shop, *to_production)
    assert "roles/base after manual: nobody has said" in refused(shop, "provision", "production")
    shop("provision", "staging")
    shop("deploy", "shop", "--to", "staging")
    first = json.loads(shop("gates", "shop", "--to", "production", "--json", code=3).stdout)
    assert [one["state"] for one in first["gates"]] == ["there", "there", "missing"]
    assert "0 of 2; missing 2 of: anna, ben" in refused(shop, *to_production)
    assert "tess has written commit" in approve(shop, tmp_path, "tess", "shop", code=3).stderr
    for who in ("anna", "ben"):
        approve(shop, tmp_path, who, "shop")
    shop(*to_production)

    # A role that's changed makes another procedure, of the same artifact too.
    shop.append("roles/base/role.yml", "  - file: /etc/proven\n    content: here\n")
    shop.build()
    old = f"shop@{first['version']}"
    assert "is about another procedure" in refused(shop, "deploy", old, "--to", "production")
    assert "roles/base after manual: nobody has said" in refused(shop, "provision", "production")
    shop("provision", "staging")
    shop("deploy", old, "--to", "staging", "--stage", "manual")
    assert "by anna is for another procedure" in refused(shop, "deploy", old, "--to", "production")
    for who in ("anna", "ben"):
        approve(shop, tmp_path, who, old)
    shop("deploy", old, "--to", "production")
    shop("provision", "production")
    assert shop.machines.shell("web1", "cat /etc/proven") == "here"
    soaks_and_stays_guarded(shop, old)

    # What's stopped goes no further, and an override is seen.
    shop("pipeline", "stop", "shop", "--note", "nothing goes out tonight")
    assert "nothing goes out tonight" in refused(shop, *to_production)
    reason = "checkout is down, the fix is reviewed"
    assert "OVERRIDDEN" in shop(*to_production, "--override", reason).stderr
    status = shop("status", "production")
    assert "OVERRIDDEN" in status.stdout
    assert reason in status.stderr
    shop("pipeline", "resume", "--note", "the night is over")


def soaks_and_stays_guarded(shop, artifact):
    """An operator's policy asks for what staging has held for a moment, and keeps production's hosts."""
    path, before = shop.root.parent / "soak.yml", shop.env.get("CDCONF_POLICY")
    require = {"require": [{"soak": {"stage": "manual", "for": "1s"}}]}
    path.write_text(json.dumps({"version": 1, "project": "shop", "environments": {"production": require}}))
    shop.env["CDCONF_POLICY"] = str(path)
    assert "staging is known to have held" in refused(shop, "deploy", artifact, "--to", "production")
    assert "proven well" in shop("smoke", "staging", "--stage", "manual").stderr
    shop("gates", artifact, "--to", "production")

    folder = shop.root / "inventories/elsewhere"  # the same hosts, under a name that no policy guards
    shutil.copytree(shop.root / "inventories/production", folder)
    said = shop("provision", "elsewhere", "--take-over", "web1", "--limit", "web1", code=3).stderr
    assert "this host is production's 'web1', which" in said
    assert "no policy names elsewhere" in said
    assert '"environment": "production"' in shop.machines.shell("web1", "cat /var/lib/cdconf/shop/identity.json")
    shutil.rmtree(folder)
    shop.env |= {"CDCONF_POLICY": before} if before else {}
    if before is None:
        del shop.env["CDCONF_POLICY"]


# --- the bastion dies: last, since hosts whose run was cut off are held until its lease is over


def test_a_bastion_that_dies_in_mid_run_is_named_for_every_host(twins):
    command = [*CDCONF, "run", "production", "--", "echo begun; sleep 60"]
    about = {"cwd": twins.root, "env": {**os.environ, **twins.env}, "text": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **about) as run:
        for _ in PLACES:
            assert "begun" in run.stdout.readline()
        twins.machines.shell("bastion", "pkill -KILL -u ops")
        _, said = run.communicate(timeout=60)
    assert run.returncode == 4, said
    blamed = re.findall(r"^! (\w+): unreachable: .*the jump host ops@\S+ closed its connection", said, re.MULTILINE)
    assert sorted(blamed) == sorted(PLACES), said
    assert "Traceback" not in said
