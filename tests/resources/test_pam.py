"""Rules of PAM are put where they belong, and jumps lead where they led."""

import itertools
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.errors import Failed
from cdconf.resources.pam import agent

STACK = """\
# comment
auth\t[success=2 default=ignore]\tpam_unix.so nullok
auth  [default=1 success=1] pam_other.so
auth requisite pam_deny.so
auth required pam_permit.so
-session optional pam_systemd.so
"""


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setattr(agent, "FOLDER", f"{tmp_path}/")
    monkeypatch.setattr(agent, "_check_module", lambda fields: None)
    path = tmp_path / "one"
    path.write_text(STACK)

    def apply(**fields):
        wanted = {"service": "one", "type": "auth", "control": "required", "arguments": [], **fields}
        state = agent.observe(wanted)
        if wanted.get("absent"):
            agent.apply(wanted, {"exists": (True, False)})
        else:
            names = [one for one in wanted if one not in ("service", "type", "module", "having")]
            names = [one for one in names if state is None or state.get(one) != wanted[one]]
            difference = {one: (None, wanted[one]) for one in names}
            agent.apply(wanted, {**difference, **({"exists": (False, True)} if state is None else {})})
            assert all(agent.observe(wanted)[one] == wanted[one] for one in names)
        return path.read_text()

    return SimpleNamespace(apply=apply, path=path)


def test_all_of_a_rule_s_jumps_change_and_nothing_else(service):
    text = service.apply(module="pam_new.so", before="pam_deny.so")
    assert text.splitlines() == [
        "# comment",
        "auth\t[success=3 default=ignore]\tpam_unix.so nullok",
        "auth  [default=2 success=2] pam_other.so",
        "auth\trequired\tpam_new.so",
        *STACK.splitlines()[3:],
    ]


def test_a_rule_that_was_jumped_to_leaves_its_place_to_the_next(service):
    text = service.apply(module="pam_permit.so", absent=True)
    assert "[success=2 default=ignore]" in text
    assert "[default=1 success=1]" in text


def test_a_jump_that_would_lead_nowhere_is_refused(service):
    with pytest.raises(Failed, match="would lead nowhere"):
        service.apply(module="pam_permit.so", before="pam_other.so")
    assert service.path.read_text() == STACK


def test_the_other_stacks_are_left_alone(service):
    text = service.apply(type="session", module="pam_new.so", first=True)
    assert text == STACK.replace("-session", "session\trequired\tpam_new.so\n-session")


def test_a_rule_of_several_lines_is_one(service):
    service.path.write_text("auth \\\n required \\\n pam_a.so x=1 \\\n  y # why\nauth required pam_b.so")
    state = agent.observe({"service": "one", "type": "auth", "module": "pam_a.so"})
    assert (state["arguments"], state["first"], state["last"]) == (["x=1", "y"], True, False)
    assert service.apply(module="pam_b.so", control="optional").endswith("y # why\nauth\toptional\tpam_b.so\n")


def leads(text):
    """Module -> the modules that each of its jumps leads to."""
    rules = [re.split(r"\t", line) for line in text.splitlines()]
    names = [rule[2] for rule in rules] + ["end"]
    return {
        rule[2]: [names[place + int(number) + 1] for number in re.findall("=([0-9]+)", rule[1])]
        for place, rule in enumerate(rules)
    }


@given(st.data())
def test_whatever_is_put_in_jumps_lead_where_they_led(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("pam")
    count = data.draw(st.integers(2, 7))
    lines = []
    for place in range(count):
        most = count - place - 1
        jumps = data.draw(st.lists(st.integers(1, most), max_size=3)) if most else []
        words = [f"{word}={number}" for word, number in zip(("success", "ignore", "die"), jumps, strict=False)]
        lines.append(f"auth\t[{' '.join([*words, 'default=bad'])}]\tm{place}\n")
    (folder / "one").write_text("".join(lines))
    before = leads("".join(lines))
    fields = {"service": "one", "type": "auth", "module": "new", "control": "required"}
    fields[data.draw(st.sampled_from(["before", "after"]))] = f"m{data.draw(st.integers(0, count - 1))}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent, "FOLDER", f"{folder}/")
        patch.setattr(agent, "_check_module", lambda fields: None)
        agent.apply(fields, {"exists": (False, True)})
        after = leads((folder / "one").read_text())
        assert {name: found for name, found in after.items() if name != "new"} == before
        agent.apply(dict(fields, absent=True), {"exists": (True, False)})
        assert (folder / "one").read_text() == "".join(lines)
    assert list(itertools.chain(*before.values())) == list(itertools.chain(*after.values()))
