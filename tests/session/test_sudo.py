"""Where sudo's password comes from."""

import pytest

from cdconf.errors import HostFailed
from cdconf.events import Asking, SecretRead
from cdconf.inventory import Host, Ssh, load_environment, load_project
from cdconf.session.sudo import VARIABLE, SudoPasswords

HOST = Host("web1", (), ssh=Ssh(become="sudo"))


@pytest.fixture
def asking(project, monkeypatch):
    """Makes passwords whose answers are given; `events` and `prompts` fill up."""
    monkeypatch.delenv(VARIABLE, raising=False)

    def make(*answers):
        left = list(answers)

        def ask(prompt):
            passwords.prompts.append(prompt)
            answer = left.pop(0)
            if isinstance(answer, type):
                raise answer
            return answer

        events = []
        loaded = load_project(project)
        passwords = SudoPasswords(loaded, load_environment(loaded, "dev"), events.append, ask)
        passwords.events, passwords.prompts = events, []
        return passwords

    return make


def test_one_question_serves_all_hosts_and_is_masked(asking):
    passwords = asking("open sesame")
    assert {passwords.password(HOST, "deploy") for _ in range(3)} == {"open sesame"}
    assert passwords.prompts == ["sudo password of deploy on the hosts of dev: "]
    assert passwords.events[:2] == [Asking(begins=True), Asking(begins=False)]
    assert isinstance(passwords.events[2], SecretRead)
    assert "sesame" not in repr(passwords.events)
    assert passwords.mask("it is open sesame!") == "it is ***!"


def test_each_user_has_a_password_of_its_own(asking):
    passwords = asking("one", "two")
    assert [passwords.password(HOST, user) for user in ("deploy", "root", "deploy")] == ["one", "two", "one"]


def test_the_environment_variable_wins_and_nobody_is_asked(asking, monkeypatch):
    monkeypatch.setenv(VARIABLE, "from env")
    passwords = asking()
    assert passwords.password(HOST, "deploy") == "from env"
    assert passwords.prompts == []


@pytest.mark.parametrize("error", [OSError, EOFError])
def test_where_nobody_answers_nobody_is_asked_twice(asking, error):
    passwords = asking(error)
    for _ in range(2):
        with pytest.raises(HostFailed, match="sudo asks for deploy's password, and there is none") as caught:
            passwords.password(HOST, "deploy")
        assert VARIABLE in caught.value.hint
    assert passwords.events == [Asking(begins=True), Asking(begins=False)]


@pytest.mark.parametrize("word", ["", "two\nlines", "bad \udce4 byte"])
def test_what_can_not_be_a_password_is_refused(asking, word):
    with pytest.raises(HostFailed, match="isn't one line of text"):
        asking(word).password(HOST, "deploy")
