"""What Vagrant prints, as it was seen to print it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.environments.vagrant.output import (
    MachineLogin,
    OutputLine,
    failure,
    line_of,
    logins,
    read_ssh_config,
    said,
    states,
)
from cdconf.errors import GateClosed, ProviderError

STATUS = """\
1795578857,staging.db1,metadata,provider,docker
1795578858,staging.db1,provider-name,docker
1795578858,staging.db1,state,not_created
1795578858,staging.db1,state-human-long,Not yet. Run `vagrant up` to\\ncreate it%!(VAGRANT_COMMA) please
1795578858,staging.web1,state,running
1795578858,,ui,info,Current machine states:\\n\\nstaging.db1    not created (docker)
"""
SSH = """\
Host staging.web1
  HostName 127.0.0.1
  User vagrant
  Port 2222
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PasswordAuthentication no
  IdentityFile "/home/me/my projects/key"
  IdentityFile /home/me/other
  IdentitiesOnly yes

"""


def lines(text):
    return [line_of(row) for row in text.splitlines()]


def test_states_are_read_by_machine():
    assert states(lines(STATUS)) == {"staging.db1": "not_created", "staging.web1": "running"}


def test_commas_and_newlines_come_back():
    assert lines(STATUS)[3].data == ("Not yet. Run `vagrant up` to\ncreate it, please",)


@given(st.lists(st.text(st.characters(exclude_characters="\\\x1b", exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_every_datum_that_vagrant_can_write_is_read_back(data):
    written = [one.replace(",", "%!(VAGRANT_COMMA)").replace("\n", "\\n").replace("\r", "\\r") for one in data]
    if any(mark in one for one in data for mark in ("%!(VAGRANT_COMMA)",)):
        return
    line = line_of("1795578858,web1,kind," + ",".join(written))
    # \v, \f and friends end no line of Vagrant's; only what it escapes may not be there.
    assert line == OutputLine("web1", "kind", tuple(data))


@given(st.text())
def test_no_line_is_lost_or_refused(text):
    line = line_of(text)
    assert line.kind or line.data == (text,)


def test_what_people_would_have_read():
    assert (
        said(line_of("1,staging.web1,ui,detail,  \\nSSH address: 127.0.0.1:2222\\nmore"))
        == "SSH address: 127.0.0.1:2222"
    )
    assert said(line_of("1,staging.web1,ui,output,\x1b[32mBooting\x1b[0m")) == "Booting"
    assert said(line_of("1,x.web1,ui,info,==> x.web1: Booting VM...")) == "Booting VM..."
    assert said(line_of("1,staging.web1,state,running")) is None
    assert said(line_of("1,staging.web1,ui,info,")) is None
    assert said(line_of("warning: something of Ruby's")) is None


def test_ssh_settings():
    wanted = MachineLogin("127.0.0.1", 2222, "vagrant", ("/home/me/my projects/key", "/home/me/other"))
    assert read_ssh_config(SSH) == {"staging.web1": wanted}
    escaped = SSH.replace("\n", "\\n")
    assert logins([line_of(f"1,staging.web1,ssh-config,{escaped}")]) == {"staging.web1": wanted}


def test_several_machines_and_one_that_is_not_ready():
    text = SSH + SSH.replace("web1", "web2").replace("2222", "2200") + "Host staging.web3\n  HostName 10.0.0.1\n"
    assert {name: one.port for name, one in read_ssh_config(text).items()} == {
        "staging.web1": 2222,
        "staging.web2": 2200,
    }


def test_a_proxy_is_seen():
    assert read_ssh_config(SSH + "  ProxyCommand ssh kvm nc %h %p\n")["staging.web1"].proxy


ENDS = "1,x.web1,ui,info,Bringing it up\n1,,ui,error,first\n1,,error-exit,Vagrant::Errors::{},One thing.\\nAnother"


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("MachineLocked", GateClosed, "another run of Vagrant"),
        ("EnvironmentLockedError", GateClosed, "another run of Vagrant"),
        ("ProviderNotUsable", ProviderError, "provider can't be used"),
        ("ProviderNotFound", ProviderError, "provider can't be used"),
        ("BoxAddShortNotFound", ProviderError, "has no box"),
        ("VMBootBadState", ProviderError, "`vagrant up staging.web1` failed (exit status 1)"),
    ],
)
def test_a_failure_says_what_vagrant_said(kind, error, words):
    made = failure(["up", "staging.web1"], 1, lines(ENDS.format(kind)))
    assert type(made) is error
    assert words in made.message
    assert made.detail.splitlines()[0] == "One thing."
    assert "Bringing" not in made.detail


SEVERAL = "An error occurred on the '{}'\nmachine. Please handle this error then try again:\n\n{}\n"
LOCKED = "An action 'up' was attempted on it,\nbut another process is already executing an action on the machine.\n"


def test_machines_that_are_all_locked_by_another_run():
    def end(*errors):
        text = "".join(SEVERAL.format(f"x.web{number}", error) for number, error in enumerate(errors))
        return [OutputLine("", "error-exit", ("Vagrant::Errors::BatchMultiError", text))]

    assert type(failure(["up"], 1, end(LOCKED, LOCKED))) is GateClosed
    assert type(failure(["up"], 1, end(LOCKED, "It is cold."))) is ProviderError


def test_a_failure_without_a_word_of_its_own_shows_what_was_printed():
    made = failure(["status"], 1, lines("Vagrantfile: there's no environment 'x'\n"))
    assert made.detail == "Vagrantfile: there's no environment 'x'"
    assert "signal 9" in failure(["up"], -9, []).message
    assert failure(["up"], -9, []).detail is None
