"""Whatever a server does, it ends in one clear error of that host."""

import threading
from types import SimpleNamespace

import paramiko
import pytest

from cdconf.errors import CdconfError, HostFailed, Unreachable
from cdconf.session import frames, limits, session, ssh, ssh_login, start
from cdconf.session.bundle import bundle, start_line
from cdconf.session.ssh import Ssh
from cdconf.session.start import Start
from tests.hostile.server import BEHAVIOURS, FalseServer

NONCE = "0123456789abcdef01234567"
LONGEST = 30.0  # seconds until a test gives up; each limit that's met is a second or two here


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A key of the host and one of the user, and the file that pins the first."""
    folder = tmp_path_factory.mktemp("hostile")
    host, user = paramiko.RSAKey.generate(2048), paramiko.RSAKey.generate(2048)
    user.write_private_key_file(str(folder / "id"))
    return folder, host


@pytest.fixture
def hasty(monkeypatch):
    """Limits of a second or two, so that what ends by one ends soon."""
    monkeypatch.setattr(ssh_login, "LOGIN_TIMEOUT", 1.5)
    monkeypatch.setattr(ssh_login, "CONNECT_TIMEOUT", 2.0)
    monkeypatch.setattr(ssh, "CONNECT_TIMEOUT", 2.0)
    monkeypatch.setattr(ssh, "ATTEMPTS", 1)
    monkeypatch.setattr(ssh, "DROPPED_ATTEMPTS", 1)
    monkeypatch.setattr(start, "TIMEOUT", 2.0)
    monkeypatch.setattr(frames, "SILENCE", 1.5)
    monkeypatch.setattr(session, "SILENCE", 1.5)
    monkeypatch.setattr(limits, "LOOK", 3.0)


class _NoSudo:
    def mask(self, text):
        return text


def visit(world, server):
    """One session with a server, asked one thing."""
    folder, key = world
    known = folder / f"known-{server.port}"
    known.write_text(f"[127.0.0.1]:{server.port} {key.get_name()} {key.get_base64()}\n")
    way = SimpleNamespace(user="root", port=server.port, identity_file=str(folder / "id"), jump=None, ssh_rsa=False)
    way.known_hosts, way.address, way.become = str(known), "127.0.0.1", None
    host = SimpleNamespace(name="web1", address="127.0.0.1", ssh=way, transport="ssh", bootstrap=False, file="", line=0)
    shared = Ssh()
    agent = bundle(None, (), folder / "agent")
    transport = shared.open(host, start_line(agent.digest, NONCE, None))
    try:
        begin = Start(transport, host, NONCE, agent, _NoSudo(), lambda text: None)
        begin.run()
        asked = session.Session(host, transport, begin.rest, "demo")
        catalog = {"resources": [], "handlers": {}}
        return asked.converge(catalog, check=True, on_event=lambda event: None)
    finally:
        transport.close()
        shared.close()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_server_that_behaves_badly_is_one_error_of_its_host(world, behaviour):
    server, ends = FalseServer(behaviour, world[1]), []

    def attempt():
        try:
            ends.append(visit(world, server))
        except BaseException as error:  # noqa: BLE001  it's what the test is about
            ends.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(LONGEST)
    server.close()
    assert ends, "it hangs"
    (error,) = ends
    assert isinstance(error, (Unreachable, HostFailed)), repr(error)
    assert isinstance(error, CdconfError)
    assert error.message
