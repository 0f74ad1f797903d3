"""A fork has the locks that other threads of the run held: the process that renders doesn't wait for them for ever."""

import gc
import importlib
import os
import threading

import pytest

from cdconf.catalog import rendered, rendering
from cdconf.catalog.compiler import Compiler
from cdconf.catalog.rendering import Rendering
from cdconf.errors import CdconfError
from cdconf.inventory import load_environment, load_project
from tests.conftest import write

HOSTS = "hosts: {web1: {groups: [web], address: 192.0.2.1}}\n"
FILES = {
    "cdconf.yml": "project: demo\ngroups: {web: []}\n",
    "inventories/dev/hosts.yml": "hosts: {web1: {groups: [web], address: 192.0.2.1}}\n",
}
# It's imported by a thread of the run, which stays in it, and then by the fork.
SLOW = "import os, time\nif os.getpid() == {}:\n    open({!r}, 'w').close()\n    time.sleep(5)\nVALUE = 7\n"
LOCK = threading.Lock()


def imports(renders, facts, name):
    return b"%d" % importlib.import_module(name).VALUE


def locks(renders, facts):
    with LOCK:
        return b"well"


@pytest.fixture
def compiler(tmp_path):
    project = load_project(write(tmp_path, FILES))
    return Compiler(project, load_environment(project, "dev"))


def test_a_module_that_another_thread_imports_is_imported_there_too(compiler, tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "DEAF", 1)
    begun = tmp_path / "begun"
    write(tmp_path, {"slow_for_rendering.py": SLOW.format(os.getpid(), str(begun))})
    monkeypatch.syspath_prepend(str(tmp_path))
    thread = threading.Thread(target=importlib.import_module, args=("slow_for_rendering",))
    thread.start()
    try:
        while not begun.exists():
            thread.join(0.01)
        assert b"7" in Rendering().call(compiler, imports, {}, "slow_for_rendering")
        assert thread.is_alive()
    finally:
        thread.join()


def test_a_lock_of_another_thread_costs_one_fork(compiler, monkeypatch):
    monkeypatch.setattr(rendering, "DEAF", 1)
    forked = []

    def fork(fork=os.fork):
        if forked:
            LOCK.release()
        forked.append(1)
        return fork()

    LOCK.acquire()
    monkeypatch.setattr(os, "fork", fork)
    assert b"well" in Rendering().call(compiler, locks, {})
    assert len(forked) == 2


def test_one_that_hangs_twice_is_an_error(compiler, monkeypatch):
    monkeypatch.setattr(rendering, "DEAF", 1)
    with LOCK, pytest.raises(CdconfError, match="done nothing for 1 s, twice"):
        Rendering().call(compiler, locks, {})


def answers_well(renders, facts):
    return b"well"


def test_nothing_is_collected_while_imports_are_forgotten(compiler, monkeypatch):
    """A finalizer that imports would change `sys.modules` while it's gone through."""
    before, forget = gc.get_freeze_count(), rendered._forget_imports_of_others

    def frozen_first():
        assert gc.get_freeze_count() > before, "what is collected now may import"
        forget()

    monkeypatch.setattr(rendered, "_forget_imports_of_others", frozen_first)
    assert b"well" in Rendering().call(compiler, answers_well, {})
