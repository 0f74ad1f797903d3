"""The conversation before the first frame, with a host that says what the test wants."""

import bz2
import time
import zlib

import pytest

from cdconf.errors import HostFailed, Unreachable
from cdconf.inventory import Host, Ssh
from cdconf.session import sudo
from cdconf.session.bundle import Bundle, pack
from cdconf.session.start import NoPython, Start, TerminalNeeded
from cdconf.session.transport import TransportSilent

AGENT = Bundle(b"ZIP", "d" * 64)
HOST = Host("web1", (), ssh=Ssh(address="192.0.2.1", user="deploy", become="sudo"))


class Fake:
    """Plays a list of (stdout, stderr); None as stdout: silence. Then the stream ends."""

    def __init__(self, *said, status=None):
        self.said = list(said)
        self.words = ""
        self.sent = b""
        self._status = status

    def read(self, limit, timeout):
        if not self.said:
            return b""
        out, err = self.said.pop(0)
        self.words += err
        if out is None:
            raise TransportSilent
        return out

    def write(self, data):
        self.sent += data

    def heard(self):
        return self.words

    def last_words(self):
        return self.words

    def status(self):
        return self._status


class Passwords(sudo.SudoPasswords):
    """Has one for everybody."""

    def __init__(self):
        super().__init__(None, None, lambda event: None)
        self.asked = []

    def _find(self, host, user):
        self.asked.append((host.name, user))
        return sudo.Secret("pässword")


def start(fake, host=HOST, agent=AGENT, **keywords):
    passwords = Passwords()
    one = Start(fake, host, "NONCE", agent, passwords, keywords.pop("announce", print), **keywords)
    one.passwords = passwords
    one.run()
    return one


def test_chatter_before_the_nonce_does_no_harm():
    fake = Fake((b"Welcome!\nNONCE\nsh -c 'NONCE'\n\xff\xfeNONCE re", ""), (b"ady\n\x00\x01", ""))
    assert start(fake).rest == b"\x00\x01"
    assert fake.sent == b""


def test_installer_and_agent_are_sent_when_asked_for():
    fake = Fake((b"NONCE need\n", ""), (b"NONCE ready\n", ""))
    start(fake)
    length, _, rest = fake.sent.partition(b".")
    assert rest[int(length) :] == b"3.ZIP"
    assert b"def install(" in rest[: int(length)]


def test_the_agent_is_sent_deflated_when_asked_for():
    agent = pack({"cdconf/__init__.py": b"a = 1"})
    fake = Fake((b"NONCE need\n", ""), (b"NONCE deflated\n", ""), (b"NONCE ready\n", ""))
    start(fake, agent=agent)
    length, _, deflated = fake.sent.partition(agent.data)[2].partition(b".")
    assert int(length) == len(deflated)
    assert zlib.decompress(deflated) == bz2.decompress(agent.data)


def test_sudo_gets_its_password_once_after_its_own_prompt():
    trace = "+ sudo -S -p NONCE-sudo-%p: -- sh\nWe trust you have received the usual lecture.\n"
    fake = Fake((None, trace), (None, "NONCE-sudo-deploy:"), (None, ""), (b"NONCE ready\n", ""))
    one = start(fake)
    assert one.passwords.asked == [("web1", "deploy")]
    assert fake.sent == "pässword\n".encode()


def test_a_second_prompt_ends_the_attempt():
    fake = Fake((None, "NONCE-sudo-root:"), (None, "Sorry, try again.\nNONCE-sudo-root:"))
    with pytest.raises(HostFailed, match="web1: sudo doesn't accept root's password"):
        start(fake)
    assert fake.sent == "pässword\n".encode()


def test_sudo_that_wants_a_new_password_is_not_waited_for():
    words = "sudo: Account or password is expired, reset your password and try again"
    fake = Fake((None, "NONCE-sudo-deploy:"), (None, f"{words}\nNONCE-sudo-%p:"), *[(None, "")] * 9)
    with pytest.raises(HostFailed, match="sudo refuses deploy, whose account or password has expired") as caught:
        start(fake)
    assert caught.value.detail == words
    assert len(fake.said) == 9
    start(Fake((b"motd: Account expired? ask us\nNONCE ready\n", "")))


def test_on_a_terminal_the_prompt_comes_with_everything_else():
    fake = Fake((b"motd\r\nNONCE-sudo-deploy:", ""), (b"\r\nNONCE ready\n\x00", ""))
    one = start(fake, terminal=True)
    assert one.rest == b"\x00"
    assert fake.sent == "pässword\n".encode()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("deploy is not in the sudoers file.", "deploy may not become root with sudo there"),
        ("Sorry, user deploy is not allowed to execute 'x' as root on h.", "deploy may not become root with sudo"),
        ("env: 'sudo': No such file or directory", "there is no sudo on this host"),
        ("env: can't execute 'sudo': No such file or directory", "there is no sudo on this host"),
        ("bash: Permission denied", "the agent didn't start; the login said: bash: Permission denied"),
    ],
)
def test_what_was_said_last_becomes_one_clear_error(words, message):
    with pytest.raises(HostFailed) as caught:
        start(Fake((None, words + "\n")))
    assert message in caught.value.message
    assert caught.value.hint


def test_sudo_that_insists_on_a_terminal_gets_one_once():
    words = "sudo: sorry, you must have a tty to run sudo\n"
    with pytest.raises(TerminalNeeded):
        start(Fake((None, words)))
    with pytest.raises(HostFailed, match="insists on a terminal"):
        start(Fake((words.encode(), "")), terminal=True)


def test_a_login_that_ends_without_a_word_says_so():
    with pytest.raises(HostFailed, match=r"ended without a word \(exit status 1\)") as caught:
        start(Fake(status=1))
    assert "try `ssh deploy@192.0.2.1 true`" in caught.value.hint


def test_a_host_that_goes_away_during_the_login_is_unreachable():
    with pytest.raises(Unreachable, match="the connection broke at the start"):
        start(Fake())


def test_the_password_is_masked_in_whatever_a_host_says():
    fake = Fake((None, "NONCE-sudo-deploy:"), (b"", "you typed pässword\n"))
    with pytest.raises(HostFailed) as caught:
        start(fake)
    assert "pässword" not in str(caught.value) + str(caught.value.detail)
    assert "you typed ***" in caught.value.message


def test_python_is_installed_only_when_it_may_be():
    with pytest.raises(HostFailed, match="there is no Python 3 on this host"):
        start(Fake((b"NONCE nopython\n", "")))
    with pytest.raises(NoPython) as caught:
        start(Fake((b"NONCE nopython debian 12\n", "")))
    assert caught.value.system == {"id": "debian", "version": "12"}
    heard = []
    fake = Fake((b"NONCE nopython debian 12\n", ""), (b"NONCE ready\n", ""))
    start(fake, install=True, announce=heard.append)
    assert heard == ["installing python3, because there is no Python"]
    assert fake.sent.endswith(b"\n")
    assert fake.sent.count(b"\n") == 1
    with pytest.raises(HostFailed, match="couldn't be installed") as caught:
        start(Fake((b"NONCE nopython\n", ""), (b"NONCE nopython\n", "E: no network\n")), install=True)
    assert "E: no network" in caught.value.detail


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("incomplete json", "lacks a part of the standard library (the module 'json')"),
        ("old 3.4.10", "its Python is 3.4.10; the agent needs 3.6 or newer"),
        ("unwritable /var/lib/cdconf: Read-only file system", "can't be kept on the host: /var/lib/cdconf: Read-only"),
        ("uncacheable /var/lib/cdconf/.agent/x", "a directory that others could write to"),
        ("corrupt", "arrived damaged"),
        ("nonsense", "the agent said 'nonsense'"),
    ],
)
def test_what_the_agent_refuses_is_explained(word, message):
    with pytest.raises(HostFailed) as caught:
        start(Fake((f"NONCE {word}\n".encode(), "")))
    assert message in caught.value.message


def nothing(timeout):
    time.sleep(timeout)
    raise TransportSilent


def test_silence_ends_with_what_was_heard(monkeypatch):
    monkeypatch.setattr("cdconf.session.start.TIMEOUT", 0.05)
    fake = Fake()
    fake.read = lambda limit, timeout: nothing(timeout)
    fake.words = "OTP code:"
    with pytest.raises(Unreachable, match=r"didn't start within 0\.05 s") as caught:
        start(fake)
    assert caught.value.detail == "OTP code:"
