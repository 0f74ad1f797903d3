"""Where a library's privates are replaced or called: its version is bounded, and it still has them as we know them."""

import inspect
import threading
import tomllib
from pathlib import Path

import docker
import fabric
import fabric.runners
import invoke
import paramiko
import pytest
from packaging.requirements import Requirement
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA

ROOT = Path(__file__).resolve().parents[2]
DEPENDENCIES = {
    one.name: one
    for one in map(Requirement, tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
}
HINT = "a new version does it otherwise: look at cdconf/session/ssh_bounds.py and ssh_tunnels.py"


@pytest.mark.parametrize("name", ["paramiko", "docker", "fabric"])
def test_its_version_has_an_upper_bound(name):
    assert [one for one in DEPENDENCIES[name].specifier if one.operator == "<"], name


def parameters(function):
    return list(inspect.signature(function).parameters)


def test_paramiko_hands_data_to_handlers_of_a_table_of_the_connection():
    """`bounded` replaces two entries of it."""
    table = paramiko.Transport._channel_handler_table
    assert table[MSG_CHANNEL_DATA] is paramiko.Channel._feed, HINT
    assert table[MSG_CHANNEL_EXTENDED_DATA] is paramiko.Channel._feed_extended, HINT
    assert parameters(paramiko.Channel._feed) == parameters(paramiko.Channel._feed_extended) == ["self", "m"], HINT
    assert "self._channel_handler_table[ptype](chan, m)" in inspect.getsource(paramiko.Transport), HINT
    source = inspect.getsource(paramiko.Transport)
    assert "MSG_CHANNEL_OPEN: self._parse_channel_open," in source, HINT
    assert "self._handler_table[ptype](m)" in source, HINT
    for name in ("_tcp_handler", "_x11_handler", "_forward_agent_handler"):
        assert f"self.{name} = None" in source, HINT
    names = inspect.getsource(paramiko.Channel)
    assert "self.in_buffer = BufferedPipe()" in names, HINT
    assert "self.in_stderr_buffer = BufferedPipe()" in names, HINT


def test_paramiko_asks_for_a_channels_number_and_reads_its_refusal_where_tunnels_do():
    source = inspect.getsource(paramiko.Transport.open_channel)
    assert "chanid = self._next_channel()" in source, HINT
    assert "e = self.get_exception()" in source, HINT
    assert parameters(paramiko.Transport._next_channel) == ["self"], HINT
    assert parameters(paramiko.Transport._parse_channel_open_failure) == ["self", "m"], HINT
    assert "MSG_CHANNEL_OPEN_FAILURE: self._parse_channel_open_failure" in inspect.getsource(paramiko.Transport), HINT


def test_docker_asks_an_engine_as_the_listing_does():
    client = docker.APIClient
    hint = "a new version does it otherwise: look at cdconf/environments/docker/listing.py"
    assert parameters(client._url)[:2] == ["self", "pathfmt"], hint
    assert "def _get(self, url, **kwargs):" in inspect.getsource(inspect.getmodule(client)), hint
    assert {"response", "json"} <= set(parameters(client._result)), hint


def test_fabric_opens_sends_and_groups_as_people_s_scripts_need_it():
    hint = "a new version does it otherwise: look at cdconf/fabric/"
    connection = inspect.getsource(fabric.Connection)
    for method in ("run", "sudo", "shell", "create_session", "sftp"):
        assert f"@opens\n    def {method}(" in connection, hint
    assert "self.channel = self.context.create_session()" in inspect.getsource(fabric.runners.Remote), hint
    assert "self._sftp = self.client.open_sftp()" in connection, hint
    assert "self.config.runners.remote(" in connection, hint
    assert parameters(fabric.SerialGroup._do)[:2] == parameters(fabric.ThreadingGroup._do)[:2] == ["self", "method"], (
        hint
    )
    assert "self.send_interrupt(e)" in inspect.getsource(invoke.Runner), hint
    assert "self.config.sudo.password" in inspect.getsource(invoke.Context), hint


def test_python_still_ends_groups_that_were_left_open_before_its_threads():
    assert parameters(threading._register_atexit) == ["func", "arg", "kwargs"], "look at cdconf/fabric/groups.py"
