"""Environments are removed, by name or because their time is over; runs of one checkout wait for each other."""

import contextlib
import json
import subprocess
import sys
import threading

import pytest

from cdconf.environments import listing, removal, throwaway
from cdconf.environments.hold import Occupied, hold
from cdconf.environments.listing import listed
from cdconf.errors import CdconfError, HostFailed, InvalidFile, LeaseHeld, ProviderError, Unreachable, UsageError
from cdconf.inventory import load_environment
from tests.conftest import cdconf, write
from tests.environments.paper_copies import HOURS, defined, expire, paper, quiet, shop

__all__ = ["paper", "shop"]


def test_a_removal_leaves_nothing_and_the_definition_goes_last(shop, paper):
    defined(shop, variables={"mail": "a"})
    write(shop.root, {".cdconf/facts/try-1/web1.json": "{}", ".cdconf/plans/try-1.json": "{}"})
    paper.made["try-1"] = ["web1", "network"]
    paper.fails = ProviderError("the engine has gone")
    with pytest.raises(ProviderError):
        removal.remove(shop, removal.to_remove(shop, "try-1"), quiet)
    assert shop.throwaways() == ("try-1",)
    paper.fails = None
    assert removal.remove(shop, removal.to_remove(shop, "try-1"), quiet) == ["web1", "network"]
    left = [path for path in (shop.root / ".cdconf").rglob("*") if "try-1" in path.name or path.parent.name == "holds"]
    assert left == []
    with pytest.raises(UsageError, match="no environment 'try-1'"):
        removal.to_remove(shop, "try-1")


def test_one_whose_original_has_gone_can_still_be_removed(shop, paper):
    write(shop.root, {"inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\n"})
    defined(shop, copy_of="copy")
    paper.made["try-1"] = ["web1"]
    (shop.root / "inventories/copy/hosts.yml").unlink()
    with pytest.raises(CdconfError, match="there is no environment 'copy' to copy"):
        load_environment(shop, "try-1")
    assert removal.remove(shop, removal.to_remove(shop, "try-1"), quiet) == ["web1"]
    assert shop.throwaways() == ()


@pytest.mark.parametrize("gone", ["hosts.yml", "lifetime.yml"])
def test_one_whose_definition_is_damaged_is_known_and_can_still_be_removed(shop, paper, gone):
    defined(shop)
    expire(shop, "try-1")
    paper.made["try-1"] = ["web1"]
    (shop.root / ".cdconf/throwaway/try-1" / gone).unlink()
    assert [str(one.error) for one in listed(shop) if one.is_throwaway] == [
        f".cdconf/throwaway/try-1/{gone}:1: can't be read: No such file or directory"
    ]
    assert list(removal.remove_expired(shop, quiet).failed) == ["try-1"]
    with pytest.raises(InvalidFile, match="can't be read"):
        defined(shop)
    assert removal.remove(shop, removal.to_remove(shop, "try-1"), quiet) == ["web1"]
    assert shop.throwaways() == ()


def test_of_two_environments_of_one_name_the_throwaway_one_is_removed(shop, paper):
    defined(shop)
    write(shop.root, {"inventories/try-1/hosts.yml": "copy_of: dev\nprovider: docker\n"})
    with pytest.raises(InvalidFile, match="as well"):
        load_environment(shop, "try-1")
    removal.remove(shop, removal.to_remove(shop, "try-1"), quiet)
    assert load_environment(shop, "try-1").file == "inventories/try-1/hosts.yml"


@pytest.fixture
def unleased(monkeypatch):
    """A removal that needs no connection: `held` are the environments on whose hosts somebody works."""
    held = {}

    def remove_unused(project, environment, emit):
        if environment.name in held:
            raise LeaseHeld(f"held by {held[environment.name]}", host="web1")
        return removal._remove(project, environment, emit)

    monkeypatch.setattr(removal, "_remove_unused", remove_unused)
    return held


class SilentFleet(contextlib.nullcontext):
    """Hosts of which none answers."""

    def __enter__(self):
        self.sessions = {}
        return self

    def connect(self, hosts, lease):
        return {host.name: Unreachable("it refused the connection", host=host.name) for host in hosts}


@pytest.mark.parametrize("ended", [True, False])
def test_a_host_that_ends_while_it_is_asked_is_not_in_use(shop, paper, monkeypatch, ended):
    defined(shop)
    expire(shop, "try-1")
    paper.made["try-1"] = ["web1"]
    looks = iter([False, ended])

    def unused(hosts):
        return {host.name for host in hosts} if next(looks) else set()

    monkeypatch.setattr(paper, "unused", unused, raising=False)
    monkeypatch.setattr(paper, "locate", lambda hosts: {host.name: host for host in hosts})
    monkeypatch.setattr(removal, "open_fleet", lambda *arguments: SilentFleet())
    done = removal.remove_expired(shop, quiet)
    assert (list(done.removed), list(done.failed)) == ((["try-1"], []) if ended else ([], ["try-1"]))


def test_exactly_what_has_expired_is_removed(shop, paper, unleased):
    for name in ("try-1", "try-2", "try-3"):
        defined(shop, name)
        paper.made[name] = [f"host of {name}"]
    paper.made["dev"] = ["production"]
    assert removal.remove_expired(shop, quiet) == removal.Removal()
    expire(shop, "try-1")
    expire(shop, "try-3")
    assert removal.remove_expired(shop, quiet).removed == {"try-1": ["host of try-1"], "try-3": ["host of try-3"]}
    assert set(paper.made) == {"dev", "try-2"}
    assert shop.environments() == ("dev", "try-2")
    assert removal.remove_expired(shop, quiet) == removal.Removal()


def test_what_is_in_use_is_left_for_the_next_time_and_named(shop, paper, unleased):
    for name in ("try-1", "try-2"):
        defined(shop, name)
        expire(shop, name)
    unleased["try-1"] = "ci@runner"
    done = removal.remove_expired(shop, quiet)
    assert (list(done.removed), list(done.left), done.failed) == (["try-2"], ["try-1"], {})
    assert str(done.left["try-1"]) == "web1: held by ci@runner"
    unleased.clear()
    with hold(shop, "try-1", "provision"):
        done = removal.remove_expired(shop, quiet)
    assert "(provision)" in str(done.left["try-1"])
    assert shop.throwaways() == ("try-1",)
    assert list(removal.remove_expired(shop, quiet).removed) == ["try-1"]


def test_what_another_one_is_removing_is_nobodys_business(shop, unleased):
    defined(shop)
    expire(shop)
    with hold(shop, "try-1", "destroy"):
        assert removal.remove_expired(shop, quiet) == removal.Removal()
    assert shop.throwaways() == ("try-1",)


def test_one_that_is_prolonged_in_the_last_moment_stays(shop, paper, unleased, monkeypatch):
    defined(shop)
    expire(shop)

    @contextlib.contextmanager
    def prolonged_meanwhile(project, name, reason):
        throwaway._prolonged(project, name, HOURS)
        with hold(project, name, reason):
            yield

    monkeypatch.setattr(removal, "hold", prolonged_meanwhile)
    assert removal.remove_expired(shop, quiet) == removal.Removal()
    assert shop.throwaways() == ("try-1",)


def test_one_that_fails_keeps_none_of_the_others(shop, paper, unleased):
    for name in ("a", "b", "c", "d"):
        defined(shop, name)
        expire(shop, name)
    write(shop.root, {".cdconf/throwaway/a/lifetime.yml": "expires: soon\n"})  # nobody can say whether it's over
    write(shop.root, {".cdconf/throwaway/b/hosts.yml": "copy_of: dev\nprovider: docker\nscale: {wob: 1}\n"})
    write(shop.root, {"inventories/c/hosts.yml": "copy_of: dev\nprovider: docker\n"})  # has a file
    done = removal.remove_expired(shop, quiet)
    assert list(done.removed) == ["d"]
    assert set(done.failed) == {"a", "b", "c"}
    assert all(error.exit_code == 1 for error in done.failed.values())
    assert set(shop.throwaways()) == {"a", "b", "c"}


def held(name):
    return {"owner": name, "reason": "run", "age_s": 3.2}


@pytest.mark.parametrize(
    ("errors", "leases", "kind", "words"),
    [
        ({"a": Unreachable("it's paused")}, {"b": None}, Unreachable, "a: can't be asked .*: it's paused"),
        ({"a": HostFailed("it's other's", host="a")}, {"b": None}, HostFailed, "a: can't be asked .*: it's other's"),
        ({"a": HostFailed("it's other's")}, {"b": held("ci")}, LeaseHeld, r"b: held by ci \(run, 3 s ago\)"),
        ({"a": Unreachable("x"), "b": LeaseHeld("held by me", host="b")}, {}, LeaseHeld, "b: held by me"),
        ({}, {"a": None}, None, ""),
    ],
)
def test_an_environment_of_which_a_host_cannot_be_asked_may_be_in_use(shop, errors, leases, kind, words):
    environment = load_environment(shop, "dev")
    if kind is None:
        removal._refuse(environment, errors, leases)
        return
    with pytest.raises(kind, match=words) as raised:
        removal._refuse(environment, errors, leases)
    assert kind is LeaseHeld or "cdconf destroy dev --yes" in raised.value.hint


def test_a_hold_is_waited_for_and_who_has_it_is_said(shop):
    said, order, held, go = [], [], threading.Event(), threading.Event()

    def first():
        with hold(shop, "try-1", "provision"):
            held.set()
            go.wait(10)
            order.append("first")

    def second():
        with hold(shop, "try-1", "destroy", wait=lambda event: (said.append(event.message), go.set())):
            order.append("second")

    threads = [threading.Thread(target=first)]
    threads[0].start()
    held.wait(10)
    with pytest.raises(Occupied, match=r"try-1 is held by .*pid.*provision"):
        hold(shop, "try-1", "destroy").__enter__()
    with hold(shop, "try-2", "destroy"):
        pass
    threads.append(threading.Thread(target=second))
    threads[1].start()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second"]
    assert len(said) == 1
    assert "(provision)" in said[0]
    assert list((shop.root / ".cdconf/holds").iterdir()) == []


def test_a_hold_ends_with_the_process_that_has_it(shop):
    program = (
        "import os, sys; from pathlib import Path; from cdconf.inventory import load_project;"
        "from cdconf.environments.hold import hold;"
        "held = hold(load_project(Path(sys.argv[1])), 'try-1', 'provision'); held.__enter__(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(shop.root)], check=False).returncode == 9
    assert (shop.root / ".cdconf/holds/try-1").is_file()
    with hold(shop, "try-1", "destroy"):
        assert (shop.root / ".cdconf/holds/try-1").read_text().startswith("destroy\n")


def test_a_broken_environment_does_not_hide_the_others(shop, monkeypatch, paper):
    monkeypatch.setattr(listing, "provider_for", paper)
    defined(shop)
    write(shop.root, {"inventories/broken/hosts.yml": "hostss: {}\n", ".cdconf/throwaway/try-1/lifetime.yml": "x: 1\n"})
    found = {one.name: one for one in listed(shop)}
    assert list(found) == ["broken", "dev", "try-1"]
    assert str(found["broken"].error) == "inventories/broken/hosts.yml:1: unknown key 'hostss' in hosts.yml"
    assert found["try-1"].is_throwaway
    assert "unknown key 'x'" in found["try-1"].error.message
    assert found["dev"].standing.wanted == 2
    result = cdconf(shop.root, "environments", "--json")
    assert result.returncode == 1
    document = json.loads(result.stdout)["environments"]
    assert (document["broken"]["file"], document["broken"]["line"]) == ("inventories/broken/hosts.yml", 1)
    assert document["dev"]["wanted"] == 2
