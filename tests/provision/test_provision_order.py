"""Hosts that serve go through their app's batches, whatever group they come in with."""

from types import SimpleNamespace

import pytest

from cdconf.errors import FAILED, OK
from cdconf.provision import provision


class Recorded(provision.Provisioning):
    """Says what would be done with which hosts."""

    def __init__(self, **apps):
        self.said, self.fails = [], None
        self._emit = lambda event: self.said.append((event.status, event.host))
        on = {name: hosts.split() for name, hosts in apps.items()}
        self._project = SimpleNamespace(
            apps={name: SimpleNamespace(name=name) for name in on},
            apps_on=lambda host: [self._project.apps[name] for name, hosts in on.items() if host.name in hosts],
        )

    def _converge(self, hosts):
        return self._note("converge", hosts)

    def _serving(self, apps, hosts):
        return self._note("+".join(app.name for app in apps), hosts)

    def _note(self, what, hosts):
        self.said.append((what, " ".join(host.name for host in hosts)))
        return [FAILED if what == self.fails else OK]


def hosts(names):
    return [SimpleNamespace(name=name) for name in names.split()]


def test_hosts_with_the_same_apps_go_together_and_those_without_first():
    one = Recorded(shop="web1 web2 both", admin="both")
    assert one._by_apps(hosts("web1 both web2 db1")) == [OK, OK, OK]
    assert one.said == [("converge", "db1"), ("shop", "web1 web2"), ("shop+admin", "both")]


@pytest.mark.parametrize("failing", ["converge", "shop"])
def test_a_failure_leaves_the_rest_alone(failing):
    one = Recorded(shop="web1", admin="web2")
    one.fails = failing
    one._by_apps(hosts("db1 web1 web2"))
    assert one.said[-1] == ("not_attempted", "web2")
    assert ("admin", "web2") not in one.said
