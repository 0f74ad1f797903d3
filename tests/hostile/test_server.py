"""Whatever a server does, it ends in one clear error of that host; so does whatever a jump host before it does."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import paramiko
import pytest

from cdconf.errors import CdconfError, HostFailed, Unreachable
from cdconf.secrets import Mask, Secret
from cdconf.session import session
from cdconf.session.bundle import bundle, start_line
from cdconf.session.ssh import SshChannels
from cdconf.session.start import Start
from tests.hostile.hasty import be_hasty
from tests.hostile.logins import LOGINS, PASSWORD, SUDOS
from tests.hostile.server import ANOTHER_KEY, BEHAVIOURS, CUTS, GREETINGS, JUMP, JUMPS, FalseServer

NONCE = "0123456789abcdef01234567"
LONGEST = 60.0  # seconds until a test gives up; each limit that's met is a second or two here
AT_ONCE = 24
DIRECT, BEHIND, BEFORE = "direct", "behind a jump host", "as a jump host"
ON_THE_WAY = [*GREETINGS, *LOGINS, ANOTHER_KEY]  # what a host does later is the same behind a jump host
WAYS = [(way, one) for way in (DIRECT, BEHIND, BEFORE) for one in CUTS]
WAYS += [(DIRECT, one) for one in BEHAVIOURS] + [(BEHIND, one) for one in ON_THE_WAY] + [(BEFORE, one) for one in JUMPS]


class _Sudo:
    """Knows the password, whoever it's for."""

    def __init__(self):
        self.mask = Mask()
        self.mask.add(PASSWORD)

    def password(self, host, user):
        return Secret(PASSWORD)


def visit(folder, key, way, behaviour):
    """One session with a host, asked one thing."""
    server = FalseServer(behaviour, key)
    through = FalseServer(JUMP, key) if way != DIRECT else None
    target, jump = (server, through) if way != BEFORE else (through, server)
    known = folder / f"known-{server.port}"
    ports = [one.port for one in (server, through) if one is not None]
    known.write_text("".join(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n" for port in ports))
    about = {"user": "root", "port": target.port, "identity_file": str(folder / "id"), "ssh_rsa": False}
    about |= {"known_hosts": str(known), "address": "127.0.0.1", "become": "sudo" if behaviour in SUDOS else None}
    login = SimpleNamespace(**about, jump=f"root@127.0.0.1:{jump.port}" if jump is not None else None)
    host = SimpleNamespace(name="web1", address="127.0.0.1", ssh=login, transport="ssh", bootstrap=False)
    host.file, host.line = "", 0
    shared = SshChannels()
    try:
        return _asked(shared, host, bundle(None, (), folder / "agent"))
    finally:
        shared.close()
        for one in (server, through):
            if one is not None:
                one.close()


def _asked(shared, host, agent):
    transport = shared.open(host, start_line(agent.digest, NONCE, host.ssh.become))
    try:
        begin = Start(transport, host, NONCE, agent, _Sudo(), lambda text: None)
        begin.run()
        asked = session.Session(host, transport, begin.rest, "demo")
        catalog = {"resources": [], "handlers": {}}
        return asked.converge(catalog, check=True, on_event=lambda event: None)
    finally:
        transport.close()


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """How each of them ended, all tried at once: most of what they take is waiting."""
    folder = tmp_path_factory.mktemp("hostile")
    key = paramiko.RSAKey.generate(2048)
    # Not an RSA key: Paramiko proves its primes at every login, by 40 ms of the processor.
    paramiko.ECDSAKey.generate().write_private_key_file(str(folder / "id"))
    bundle(None, (), folder / "agent")
    found, done = {}, {one: threading.Event() for one in WAYS}

    def attempt(one):
        try:
            found[one] = visit(folder, key, *one)
        except BaseException as error:  # noqa: BLE001  it's what the tests are about
            found[one] = error
        done[one].set()

    with pytest.MonkeyPatch.context() as patch:
        be_hasty(patch.setattr)
        pool = ThreadPoolExecutor(AT_ONCE)
        for one in WAYS:
            pool.submit(attempt, one)
        for one in WAYS:
            done[one].wait(LONGEST)
        pool.shutdown(wait=False, cancel_futures=True)
    return found


@pytest.mark.parametrize(("way", "behaviour"), WAYS, ids=": ".join)
def test_a_server_that_behaves_badly_is_one_error_of_its_host(ends, way, behaviour):
    assert (way, behaviour) in ends, "it hangs"
    error = ends[way, behaviour]
    assert isinstance(error, (Unreachable, HostFailed)), repr(error)
    assert isinstance(error, CdconfError)
    assert error.message
    assert PASSWORD not in f"{error.message} {error.hint} {error.detail}"


@pytest.mark.parametrize("behaviour", [*GREETINGS, ANOTHER_KEY, *CUTS, "an endless login", "one more key"])
def test_a_bad_jump_host_is_named_itself(ends, behaviour):
    error = ends[BEFORE, behaviour]
    assert "the jump host root@127.0.0.1:" in error.message, error.message


@pytest.mark.parametrize(
    "behaviour", ["an endless line", "a slow key exchange", ANOTHER_KEY, "closes after 1500 bytes"]
)
def test_a_bad_jump_host_is_the_error_of_all_behind_it_and_of_nobody_else(tmp_path, monkeypatch, behaviour):
    be_hasty(monkeypatch.setattr)
    key = paramiko.RSAKey.generate(2048)
    paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / "id"))
    jump, target = FalseServer(behaviour, key), FalseServer("ready, then silent", key)
    pinned = f"{key.get_name()} {key.get_base64()}\n"
    (tmp_path / "known").write_text("".join(f"[127.0.0.1]:{one.port} {pinned}" for one in (jump, target)))
    about = {"user": "root", "port": target.port, "identity_file": str(tmp_path / "id"), "ssh_rsa": False}
    about |= {"known_hosts": str(tmp_path / "known"), "address": "127.0.0.1"}
    ways = {f"web{number}": f"root@127.0.0.1:{jump.port}" for number in range(3)} | {"alone": None}
    shared = SshChannels()

    def attempt(name):
        host = SimpleNamespace(name=name, address="127.0.0.1", file="", line=0)
        host.ssh = SimpleNamespace(**about, jump=ways[name])
        try:
            shared.open(host, "true").close()
        except CdconfError as error:
            return error
        return None

    with ThreadPoolExecutor(len(ways)) as pool:
        found = dict(zip(ways, pool.map(attempt, ways), strict=True))
    shared.close()
    for one in (jump, target):
        one.close()
    assert found.pop("alone") is None
    for name, error in found.items():
        assert isinstance(error, Unreachable)
        assert error.host == name
        assert f"the jump host root@127.0.0.1:{jump.port}" in error.message
