"""Texts that would run for ever, or fill the memory, end as one error each; the list is in `hostile_texts`."""

import os
import resource
import signal
import time
from pathlib import Path

import jinja2
import pytest

from cdconf.catalog import Compiler, limits
from cdconf.catalog.meter import place_of
from cdconf.errors import TemplateError
from cdconf.inventory import load_environment, load_project
from tests.catalog.hostile_texts import EXPRESSIONS, TEMPLATES
from tests.catalog.test_compiler import compiled, role
from tests.conftest import write

pytestmark = pytest.mark.usefixtures("little_to_spend")
FINE = "resources:\n  - file: /x\n    template: t.j2\n"


class Once:
    """A number of pieces that's asked for once; what asks again spends its time."""

    def __init__(self, number, spend):
        self._number, self._spend, self._asked = number, spend, False

    def __index__(self):
        if self._asked:
            self._spend()
        self._asked = True
        return self._number


def error_of(root):
    """The error, and how much processor time the run and what it has started took to it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(TemplateError) as caught:
        compiled(root)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return caught.value, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_hostile_template_ends_with_its_line(project, name):
    text = TEMPLATES[name]
    line = next((number for number, one in enumerate(text.splitlines(), 1) if one.endswith("!")), 2)
    role(project, FINE)
    write(project, {"roles/base/templates/t.j2": ""})
    (project / "roles/base/templates/t.j2").write_text(text.replace("!", "") + "\n")
    error, spent = error_of(project)
    assert (error.file, error.line) == ("roles/base/templates/t.j2", line), error
    assert spent < 5, error


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("place", ["a field", "a condition", "a list to go through", "a title", "a variable"])
def test_a_hostile_expression_ends_with_its_line(project, name, place):
    expression = EXPRESSIONS[name].replace("'", "''")
    texts = {
        "a field": f"resources:\n  - file: /x\n    content: '{{{{ {expression} }}}}'\n",
        "a condition": f"resources:\n  - file: /x\n    when: '({expression}) == 1'\n    content: ''\n",
        "a list to go through": f"resources:\n  - file: /x\n    for_each: '{{{{ {expression} }}}}'\n    content: ''\n",
        "a title": f"resources:\n  - file:\n      '{{{{ {expression} }}}}'\n    content: ''\n",
        "a variable": "resources:\n  - file: /x\n    content: '{{ v }}'\n",
    }
    role(project, texts[place])
    at = ("roles/base/role.yml", 2 if place in ("a list to go through", "a title") else 3)
    if place == "a variable":
        write(project, {"inventories/dev/group_vars/all.yml": f"\n# values\nv: '{{{{ {expression} }}}}'\n"})
        at = ("inventories/dev/group_vars/all.yml", 2)
    error, spent = error_of(project)
    assert (error.file, abs(error.line - at[1]) <= 1) == (at[0], True), error
    assert spent < 5, error


def test_the_next_host_has_its_own_process_and_the_text_is_not_tried_again(project):
    role(project, FINE + "    when: host.name == 'web1'\n  - file: /y\n    content: y\n")
    write(project, {"roles/base/templates/t.j2": TEMPLATES["a pattern that backtracks"]})
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    compiler = Compiler(loaded, environment)
    messages = []
    for _ in range(2):
        with pytest.raises(TemplateError) as caught:
            compiler.compile(environment.hosts["web1"], {})
        messages.append(caught.value.message)
    assert messages[0] == messages[1] == "this takes more than 0.2 s of processor time"
    assert [one.title for one in compiler.compile(environment.hosts["db1"], {}).resources] == ["/y"]


def test_many_texts_that_are_short_have_a_limit_together(project, monkeypatch):
    for module in ("meter", "ended_process"):
        monkeypatch.setattr(f"cdconf.catalog.{module}.SECONDS_IN_ALL", 0.3)
    role(project, "resources:\n  - file: '/x{{ each }}'\n    for_each: '{{ range(99999) | list }}'\n    content: ''\n")
    with pytest.raises(TemplateError, match="the texts of one host take more than") as caught:
        compiled(project)
    assert (caught.value.file, caught.value.line) == ("roles/base/role.yml", 2)


def test_many_texts_that_are_small_have_a_limit_of_memory_together(project, monkeypatch):
    monkeypatch.setattr("cdconf.catalog.meter.MEMORY", 32 * 1024**2)
    text = "resources:\n  - file: '/x{{ each }}'\n    for_each: '{{ range(200) | list }}'\n"
    role(project, f"{text}    content: \"{{{{ 'x' * 1000000 }}}}{{{{ each }}}}\"\n")
    with pytest.raises(TemplateError, match="MiB of memory") as caught:
        compiled(project)
    assert caught.value.file == "roles/base/role.yml"


def test_a_text_that_waits_its_turn_is_not_one_that_takes_long(project):
    """What's measured is the processor's time: a run in a busy machine isn't a hostile one."""
    role(project, "resources:\n  - file: /x\n    content: '{{ facts.os.id }}'\n")

    class Slow(dict):
        def __iter__(self):
            time.sleep(0.7)
            return super().__iter__()

    assert compiled(project, facts=Slow(os={"id": "debian"}))[1].resources[0].fields["content"] == "debian"


def test_the_process_that_renders_ends_with_its_compiler(project):
    compiler, _ = compiled(project)
    pid = compiler._rendering._process.pid
    del compiler
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_process_that_renders_has_no_file_of_the_run_open(project, tmp_path):
    """An agent on a host ends when its connection does."""
    with (tmp_path / "kept").open("w"):
        compiler, _ = compiled(project)
        pid = compiler._rendering._process.pid
        links = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}
    assert str(tmp_path / "kept") not in links


def test_a_process_that_was_killed_between_two_hosts_is_replaced(project):
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    compiler = Compiler(loaded, environment)
    compiler.compile(environment.hosts["web1"], {})
    os.kill(compiler._rendering._process.pid, signal.SIGKILL)
    assert compiler.compile(environment.hosts["web1"], {}).host == "web1"


@pytest.mark.parametrize(
    ("where", "line"),
    [("before its first line", 2), ("between two parts", 4), ("while its error is put into words", 4)],
)
def test_a_template_that_is_on_no_stack_when_the_time_is_over_is_named(project, monkeypatch, where, line):
    """There was no time to note a stack, either: what's known of the template is known beforehand."""
    text = {
        "before its first line": "\n{{ 1 }}\n",
        "between two parts": "\n{{ 1 }}\n\n{% for i in range(9999) %}{{ i }}{% endfor %}\n{{ 1 }}\n",
        "while its error is put into words": "\n{{ 1 }}\n\n{{ nothing }}\n{{ 1 }}\n",
    }[where]
    role(project, FINE)
    write(project, {"roles/base/templates/t.j2": ""})
    (project / "roles/base/templates/t.j2").write_text("#" + text)

    def spend(*_):
        while True:
            pass

    if where == "while its error is put into words":
        monkeypatch.setattr("jinja2.debug.rewrite_traceback_stack", lambda source: spend())
    elif where == "between two parts":
        monkeypatch.setattr("cdconf.catalog.limits._AT_ONCE", Once(10, spend))
    else:
        monkeypatch.setattr(jinja2.Template, "generate", spend)
    monkeypatch.setattr("cdconf.catalog.meter.NEARLY", 2)  # no stack is noted but the last
    error, _ = error_of(project)
    assert (error.file, error.line) == ("roles/base/templates/t.j2", line), error


def test_a_process_that_was_killed_at_work_names_the_text(project, monkeypatch):
    """As the kernel does when the machine has no memory left."""
    role(project, FINE)
    write(
        project,
        {"roles/base/templates/t.j2": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"},
    )
    compiler = Compiler(load_project(project), load_environment(load_project(project), "dev"))

    def killed(process):
        while place_of(process.shared) is None:
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)

    monkeypatch.setattr("cdconf.catalog.rendering._wait", killed)
    with pytest.raises(TemplateError, match="was killed") as caught:
        compiler.compile(compiler.environment.hosts["web1"], {})
    assert (caught.value.file, caught.value.line) == ("roles/base/role.yml", 3)


def test_an_interrupted_question_does_not_get_the_next_one_s_answer(project, monkeypatch):
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    compiler = Compiler(loaded, environment)

    def interrupted(process):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("cdconf.catalog.rendering._wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compiler.compile(environment.hosts["web1"], {})
    assert compiler.compile(environment.hosts["db1"], {}).host == "db1"


def test_what_is_only_read_is_not_worked_out(project):
    """Lint reads the names in each template, in the run itself."""
    text = "{{ ('a' * 40) | regex_replace('(a+)+$b', '') }}{{ 9 ** (9 ** 9) }}{{ 'a' | center(10 ** 10) }}{{ other }}"
    environment = limits.LimitedEnvironment()
    environment.filters["regex_replace"] = lambda *given: pytest.fail("it's worked out")
    assert environment.names_in(environment.parse(text)) == {"other"}
