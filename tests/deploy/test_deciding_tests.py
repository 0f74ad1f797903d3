"""Several apps on one host: whose smoke tests decide over a deployment of one."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from cdconf.deploy.deciding_tests import Deciding, deciding
from cdconf.deploy.verify import failed_before, smoke
from cdconf.errors import Unreachable
from cdconf.events import Notice
from cdconf.inventory import load_environment, load_project
from cdconf.smoke.runner import SmokeReport
from tests.conftest import write

FILES = {
    "cdconf.yml": """
        project: demo
        groups: {web: [base, shop, billing, mail, extra]}
        apps:
          shop: {groups: [web], path: /srv/shop, services: [shop]}
          billing: {groups: [web], path: /srv/billing, services: [billing], env_file: /etc/billing/env}
          mail: {groups: [web], path: /srv/mail, services: [mailer]}
    """,
    "inventories/dev/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
    "roles/base/role.yml": "resources:\n  - directory: /srv\n",
    "roles/extra/role.yml": "resources:\n  - directory: /srv/shopping\n",
    "roles/shop/role.yml": """
        variables: {unit: {type: string, default: shop, doc: the unit}}
        resources:
          - systemd_unit: "{{ unit }}.service"
            content: "[Service]\\nExecStart=/bin/true\\n"
    """,
    "roles/billing/role.yml": """
        resources:
          - file: /etc/billing/env
            content: x
    """,
    "roles/mail/role.yml": "resources:\n  - directory: /srv/mail/spool\n",
} | {
    f"roles/{role}/smoke/test_it.py": f"def test_{role}(host):\n    assert host.run('{role}').succeeded\n"
    for role in ("base", "shop", "billing", "mail", "extra")
}


@pytest.fixture
def world(tmp_path):
    project = load_project(write(tmp_path, FILES))
    environment = load_environment(project, "dev")
    return SimpleNamespace(project=project, environment=environment, hosts=list(environment.hosts.values()), said=[])


def decide(world, *apps):
    wanted = [world.project.apps[name] for name in apps]
    return deciding(world.project, world.environment, wanted, world.hosts, world.said.append)


def fleet(world, failing):
    """Sessions whose commands are names of roles."""

    def run(command, timeout):
        return {"status": int(any(one in command for one in failing)), "stdout": b"", "stderr": b""}

    return SimpleNamespace(lend=dict, environment=world.environment, sessions={"web1": SimpleNamespace(run=run)})


def smoked(world, failing, tests):
    world.said.clear()
    found = smoke(world.project, world.environment, fleet(world, failing), world.hosts, world.said.append, tests)
    return {name: one.message for name, one in found.items()}, [e.message for e in world.said if isinstance(e, Notice)]


def test_a_role_is_the_app_s_whose_unit_env_file_or_path_it_manages(world):
    one = decide(world, "shop")
    assert {role: set(apps) for role, apps in one.owners.items()} == {
        "shop": {"shop"},
        "billing": {"billing"},
        "mail": {"mail"},
    }


def test_the_first_of_several_apps_can_be_deployed(world):
    tests = decide(world, "shop")
    failures, said = smoked(world, ["billing", "mail"], tests)
    assert failures == {}
    assert (
        "web1: billing: test_it.py::test_billing failed, which doesn't decide here: its role belongs to billing" in said
    )
    assert smoked(world, ["shop", "mail"], tests)[0] == {"web1": "smoke tests failed: shop: test_it.py::test_shop"}
    assert smoked(world, ["extra"], tests)[0] == {"web1": "smoke tests failed: extra: test_it.py::test_extra"}
    assert set(smoked(world, ["shop"], None)[0]) == {"web1"}


def test_what_failed_before_only_warns_unless_it_is_the_app_s_own(world):
    tests = decide(world, "shop")
    before = failed_before(world.project, fleet(world, ["base", "shop", "mail"]), world.hosts, tests, world.said.append)
    assert before == {"web1": ["base: test_it.py::test_base"]}, "no other app's tests are run, nor the app's own"
    after = tests.after(before)
    failures, said = smoked(world, ["base"], after)
    assert failures == {}
    assert said == ["web1: base: test_it.py::test_base failed, which doesn't decide here: it failed before, too"]
    assert set(smoked(world, ["base", "shop"], after)[0]) == {"web1"}
    assert smoked(world, ["base", "extra"], after)[0] == {"web1": "smoke tests failed: extra: test_it.py::test_extra"}


def test_a_host_is_judged_by_the_apps_that_it_serves(world):
    tests = replace(decide(world, "shop", "billing", "mail"), here={"web1": ["shop"]})
    assert smoked(world, ["billing"], tests)[0] == {}
    assert set(smoked(world, ["shop"], tests)[0]) == {"web1"}


def test_where_it_can_not_be_told_whose_roles_are_all_decide(world):
    write(world.project.root, {"roles/mail/role.yml": 'resources:\n  - directory: "{{ nosuch }}"\n'})
    tests = decide(world, "shop")
    assert "all roles' smoke tests decide, since it can't be told whose each role is" in world.said[0].message
    assert set(smoked(world, ["billing"], tests)[0]) == {"web1"}
    assert failed_before(world.project, fleet(world, ["base"]), world.hosts, tests, world.said.append) == {}
    assert Deciding(frozenset(["shop"])).excuse("web1", "base: test_base") is None


def test_tests_of_a_host_that_fell_silent_say_nothing_of_it(monkeypatch):
    """The connection broke under them: that's told once, and of no test that it failed."""
    report = SmokeReport(0, {"web1": ["billing: test_x", "shop: test_y"]}, {"web1": Unreachable("it broke")})
    monkeypatch.setattr("cdconf.deploy.verify._report", lambda *arguments: report)
    tests = Deciding(frozenset(["shop"]), {"billing": frozenset(["billing"])})
    told = []
    failure = smoke(None, None, None, [SimpleNamespace(name="web1")], told.append, tests)["web1"]
    assert told == []
    assert (failure.message, failure.unreachable, failure.verdict) == ("it broke", True, False)
