"""What an environment requires before anything is deployed to it."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import required_parity
from cdconf.deploy.required_parity import check_required
from cdconf.errors import GateClosed, HostFailed, InvalidFile, Unreachable
from cdconf.events import HostDone, Notice
from cdconf.inventory import Differs, load_environment, load_project
from cdconf.parity import Comparison, ParityFinding
from cdconf.parity.environments import Likeness
from cdconf.parity.model import ParitySide
from tests.conftest import write

ARTIFACT = SimpleNamespace(app="shop", release="2-abc")


def difference(name, status="unexplained"):
    return ParityFinding("variable", name, "web", ParitySide(("web1",), 1), ParitySide(("web1",), 2), status)


@pytest.fixture
def gate(project, monkeypatch):
    """Runs the check against what a comparison would find; gives the comparisons that were asked for."""
    write(
        project,
        {
            "inventories/staging/hosts.yml": "copy_of: dev\nprovider: docker\n",
            "inventories/try/hosts.yml": "copy_of: dev\nprovider: docker\n",
            "inventories/other/hosts.yml": "hosts: {web1: {address: 192.0.2.9, groups: [web]}}\n",
        },
    )
    asked = []

    def run(require, *findings, unmatched=(), codes=(), events=()):
        path = project / "inventories/dev/hosts.yml"
        path.write_text(path.read_text().partition("require:")[0] + f"require: {require}\n")
        asked.clear()

        def compared(project, ours, theirs, emit, options, running):
            for event in events:
                emit(event)
            asked.append((ours.name, theirs.name, running))
            return Likeness(Comparison(ours.name, theirs.name, {}, findings, unmatched), list(codes))

        monkeypatch.setattr(required_parity, "compare_environments", compared)
        loaded = load_project(project)
        told = []
        check_required(loaded, load_environment(loaded, "dev"), ARTIFACT, told.append)
        return asked, told

    return run


def test_all_copies_are_compared_with_what_is_about_to_run(gate):
    asked, told = gate("[parity]", difference("x", "declared"))
    assert asked == [("staging", "dev", {"shop": "2-abc"}), ("try", "dev", {"shop": "2-abc"})]
    assert any(event == Notice("staging is like dev") for event in told)
    asked, _ = gate("[{parity: other}]")
    assert [one[0] for one in asked] == ["other"]


def test_what_is_there_for_a_while_only_proves_nothing(gate, project):
    files = {"hosts.yml": "copy_of: dev\nprovider: docker\n", "lifetime.yml": "created: x\n"}
    write(project, {f".cdconf/throwaway/try-1/{name}": text for name, text in files.items()})
    asked, _ = gate("[parity]")
    assert [one[0] for one in asked] == ["staging", "try"]


def test_what_differs_is_named_shortly(gate):
    names = [difference(name) for name in ("a", "b", "c", "d", "e")]
    with pytest.raises(GateClosed, match="variable a, variable b, variable c and 2 more") as caught:
        gate("[{parity: staging}]", *names)
    assert caught.value.exit_code == 3
    assert "cdconf parity staging dev" in caught.value.hint


def test_an_entry_that_nothing_matches_closes_it_too(gate):
    entry = Differs("variable", "x", "y", file="inventories/staging/hosts.yml", line=4)
    with pytest.raises(GateClosed, match=r"inventories/staging/hosts.yml:4"):
        gate("[{parity: staging}]", unmatched=(entry,))


def test_a_host_that_does_not_answer_is_never_like_another(gate):
    with pytest.raises(Unreachable):
        gate("[{parity: staging}]", codes=[4])
    with pytest.raises(HostFailed):
        gate("[{parity: staging}]", codes=[4, 1])


def test_the_other_environment_s_hosts_are_no_part_of_the_result(gate):
    _, told = gate(
        "[{parity: staging}]", events=[HostDone("staging/web1", "ok"), HostDone("staging/web2", "failed", "x")]
    )
    assert not [event for event in told if isinstance(event, HostDone)]
    assert Notice("staging/web2: x", warning=True) in told


def test_parity_with_nobody_is_an_error(gate, project):
    for name in ("staging", "try"):
        write(project, {f"inventories/{name}/hosts.yml": "hosts: {web1: {address: 192.0.2.9, groups: [web]}}\n"})
    with pytest.raises(InvalidFile, match="no environment is a copy of it"):
        gate("[parity]")
