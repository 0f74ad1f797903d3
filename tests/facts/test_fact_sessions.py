"""Facts over a session: no question that isn't needed, and none in the midst of a second run."""

import io

import pytest

from cdconf.agent import wire
from cdconf.catalog import Compiler
from cdconf.engine import converge_host
from cdconf.events import Notice
from cdconf.facts import GROUPS, FactCache, sample
from cdconf.inventory import load_environment, load_project
from cdconf.session import Session
from tests.conftest import write


class Agent:
    """The other end of a session, as a transport: answers at once, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self._answers = b""

    def write(self, data):
        stream = io.BytesIO(data)
        request = wire.read(stream.read)
        name, arguments = request["call"], request["args"]
        groups = arguments.get("facts", arguments.get("groups", []))
        self.asked.append((name, groups))
        facts = {fact: sample()[fact] for one in GROUPS if one.name in groups for fact in one.names}
        result = {
            "open": {"facts": facts, "identity": None, "lease": None},
            "facts": facts,
            "converge": {"counts": {"ok": 1}, "failed": False},
        }[name]
        self._answers += wire.pack({"id": request["id"], "result": result})

    def read(self, count, timeout):
        data, self._answers = self._answers[:count], self._answers[count:]
        return data

    def last_words(self):
        return ""

    def close(self):
        pass


@pytest.fixture
def run(project):
    """Converges web1 with a template, in a session of its own; returns what the agent was asked."""

    def converge(template, emit=lambda event: None, **options):
        write(project, {"roles/base/templates/x.j2": template})
        write(project, {"roles/base/role.yml": "resources:\n  - file: /x\n    template: x.j2\n"})
        loaded = load_project(project)
        environment = load_environment(loaded, "dev")
        host = environment.hosts["web1"]
        agent = Agent()
        cache = FactCache(loaded.data, "dev")
        session = Session(host, agent, b"", loaded.name, cache.wanted(host.name))
        converge_host(session, Compiler(loaded, environment, **options), emit, check=True)
        return agent.asked

    return converge


def test_a_run_that_reads_no_facts_asks_for_none(run):
    assert run("plain\n") == [("open", []), ("converge", [])]


def test_a_second_run_asks_with_its_first_request(run):
    text = "{{ facts.cpu.count }} {{ facts.hostname }}\n"
    assert run(text) == [("open", []), ("facts", ["cpu"]), ("facts", ["system"]), ("converge", [])]
    assert run(text) == [("open", ["cpu", "system"]), ("converge", [])]
    assert run("{{ facts.hostname }}") == [("open", ["cpu", "system"]), ("converge", [])]
    assert run("plain\n") == [("open", ["system"]), ("converge", [])]
    assert run("plain\n") == [("open", []), ("converge", [])]


def test_a_run_of_some_roles_does_not_forget_what_the_others_read(run):
    run("{{ facts.cpu.count }}")
    run("{{ facts.hostname }}", roles=["base"])
    assert run("plain\n")[0] == ("open", ["cpu", "system"])


def test_a_cache_that_cannot_be_written_does_not_end_the_run(run, project):
    write(project, {".cdconf/facts": "in the way\n"})
    events = []
    assert run("{{ facts.cpu.count }}", events.append)[-1] == ("converge", [])
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert notice.message.startswith("the facts of web1 couldn't be kept for offline work: ")
