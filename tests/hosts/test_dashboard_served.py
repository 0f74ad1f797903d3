"""`cdconf serve` on a machine of its own: as a systemd unit, by TLS, and behind a proxy that signs people in."""

import json
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.conftest import git
from tests.host_image import base_image
from tests.hosts.live import eventually, on
from tests.hosts.machines import RUN, docker
from tests.web.dashboard import make, ran

pytestmark = pytest.mark.hosts
REPOSITORY = Path(__file__).resolve().parents[2]
PORT = 8790
CDCONF = f"{sys.executable} -P -m cdconf"
PROXY = """
user www-data;
events {}
http {
  server {
    listen 80;
    auth_basic "cdconf";
    auth_basic_user_file /etc/nginx/people;
    location / {
      proxy_pass http://%s;
      proxy_http_version 1.1;
      proxy_set_header Host board.example.org;
      proxy_set_header X-Forwarded-User $remote_user;
    }
  }
}
"""
UP = """
for i in $(seq 300); do
  systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && break
  sleep 0.1
done
"""


class Machine:
    """A container with systemd; `more` are further options of `docker run`."""

    def __init__(self, network, name, *more):
        self.name = f"{network}-{name}"
        docker("run", "-d", "--name", self.name, "--hostname", name, "--network", network, *more, *RUN, base_image())
        self(UP)
        found = json.loads(docker("inspect", self.name))[0]
        self.address = found["NetworkSettings"]["Networks"][network]["IPAddress"]

    def __call__(self, command):
        """What a command prints there as root, with its errors."""
        return on(self.name, f"({command}\n) 2>&1")

    def asked(self, url, *options):
        """`(status, body)` of a request from there."""
        told = self(f"curl -sS -m 20 -w '\\n%{{http_code}}' {' '.join(options)} '{url}'")
        body, _, status = told.rpartition("\n")
        return int(status) if status.isdecimal() else 0, body

    def proxies(self, to):
        """Has nginx sign people in, and pass them on."""
        config = PROXY % to
        self(f"cat > /etc/nginx/nginx.conf <<'E'\n{config}\nE")
        self('echo "ann:$(openssl passwd -apr1 secret)" > /etc/nginx/people; systemctl restart nginx')


@pytest.fixture(scope="module")
def network():
    name = f"cdconf-board-{uuid.uuid4().hex[:8]}"
    docker("network", "create", name)
    yield name
    found = docker("ps", "-aq", "--filter", f"network={name}").split()
    subprocess.run(["docker", "rm", "-fv", *found], capture_output=True, check=False)
    docker("network", "rm", name)


@pytest.fixture(scope="module")
def machine(network, tmp_path_factory):
    """Has a checkout at /srv/shop, and this cdconf."""
    root = make(tmp_path_factory.mktemp("served") / "shop")
    ran(root, 1)
    assert git(root, "status", "--porcelain") == ""
    places = {str(REPOSITORY), sys.prefix, sys.base_prefix}
    mounts = [f"--volume={place}:{place}:ro" for place in sorted(places)]
    one = Machine(network, "board", *mounts)
    docker("cp", str(root), f"{one.name}:/srv/shop")
    one("chown -R root: /srv/shop; git config --global --add safe.directory /srv/shop")
    return one


@pytest.fixture(scope="module")
def proxy(network):
    return Machine(network, "proxy")


@pytest.fixture
def serves(machine):
    """Starts `cdconf serve` there; returns the first link."""
    started = []

    def start(*options):
        log = f"/tmp/serve-{len(started)}.log"
        started.append(log)
        machine(f"cd /srv/shop && (setsid {CDCONF} serve {' '.join(options)} > {log} 2>&1 & echo $! > {log}.pid)")
        text = eventually(lambda: re.search(r"opens once by (\S+)", machine(f"cat {log}")), 30)
        assert text, machine(f"cat {log}")
        return text[1]

    yield start
    for log in started:
        machine(f"kill $(cat {log}.pid); tail --pid=$(cat {log}.pid) -f /dev/null; rm {log}*")


def links(machine):
    return re.findall(r"opens once by (\S+)", machine("journalctl -o cat -u cdconf-serve-shop"))


def is_up(machine):
    return machine(f"curl -sS -o /dev/null -w '%{{http_code}}' http://localhost:{PORT}/board").endswith("401")


def test_a_unit_starts_survives_a_reboot_and_is_removed(machine):
    told = machine(f"cd /srv/shop && {CDCONF} serve --install")
    commands = re.findall(r"^ +(systemctl .*)$", told, re.MULTILINE)
    assert told.count("ProtectSystem=strict") == 1
    assert [one.split()[1] for one in commands] == ["daemon-reload", "enable", "disable"]
    remove = commands.pop()
    assert machine("systemd-analyze verify /etc/systemd/system/cdconf-serve-shop.service") == ""
    for one in commands:
        machine(one)
    assert eventually(lambda: is_up(machine), 30), machine("journalctl -u cdconf-serve-shop")
    link = links(machine)[-1]
    assert machine.asked(link, "-c /root/jar")[0] == 303
    status, page = machine.asked(f"http://localhost:{PORT}/board", "-b /root/jar")
    assert (status, "1.1" in page) == (200, True)
    assert machine("find /srv/shop -newer /etc/systemd/system/cdconf-serve-shop.service") == ""
    docker("restart", machine.name)
    assert eventually(lambda: is_up(machine), 60), machine("journalctl -u cdconf-serve-shop")
    assert links(machine)[-1] != link
    assert machine.asked(f"http://localhost:{PORT}/board", "-b /root/jar")[0] == 401  # a key of the last start
    machine("kill -9 $(systemctl show -P MainPID cdconf-serve-shop)")
    assert eventually(lambda: is_up(machine), 60), machine("journalctl -u cdconf-serve-shop")
    machine("systemctl stop cdconf-serve-shop")
    shown = machine("systemctl show -P ActiveState -P Result cdconf-serve-shop")
    assert set(shown.split()) == {"inactive", "success"}
    machine("systemctl start cdconf-serve-shop")
    machine(remove)
    assert machine("systemctl is-active cdconf-serve-shop; systemctl cat cdconf-serve-shop").startswith("inactive")
    assert (
        machine("ls /etc/systemd/system/cdconf-serve* /etc/systemd/system/*.wants/cdconf-serve*").count("No such") == 2
    )


def test_another_address_needs_more_than_a_name(machine):
    for options in ("", "--host board.example.org", "--behind 192.0.2.1", "--user-header X-User"):
        told = machine(f"cd /srv/shop && {CDCONF} serve --bind {machine.address}:{PORT} {options}; echo code $?")
        assert told.endswith("code 1"), told
    assert "would show everything to whoever reaches that address" in machine(
        f"cd /srv/shop && {CDCONF} serve --bind 0.0.0.0:{PORT}"
    )


def test_tls(machine, proxy, serves):
    subject = "-subj /CN=board.example.org -addext subjectAltName=DNS:board.example.org"
    machine(f"cd /root && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 {subject}")
    where = f"--bind {machine.address}:{PORT} --host board.example.org"
    link = serves(where, "--tls-cert /root/cert.pem --tls-key /root/key.pem")
    assert link.startswith(f"https://board.example.org:{PORT}/open/")
    certificate = machine("cat /root/cert.pem")
    proxy(f"cat > /root/cert.pem <<'E'\n{certificate}\nE")
    known = ("--cacert /root/cert.pem", f"--resolve board.example.org:{PORT}:{machine.address}")
    board = f"https://board.example.org:{PORT}/board"
    assert proxy.asked(board, *known)[0] == 401
    assert proxy.asked(link, *known, "-c /root/jar")[0] == 303
    jar = proxy("cat /root/jar")
    assert f"__Host-cdconf-{PORT}" in jar
    assert re.search(r"^#HttpOnly_board[.]example[.]org\tFALSE\t/\tTRUE\t", jar, re.MULTILINE)  # for TLS alone
    assert proxy.asked(board, *known, "-b /root/jar")[0] == 200
    assert proxy.asked(link, *known)[0] == 401
    assert (
        proxy.asked(f"https://{machine.address}:{PORT}/board", "-k", "-b /root/jar -H 'Host: evil.example'")[0] == 421
    )
    assert proxy.asked(f"http://board.example.org:{PORT}/board", *known)[0] == 0  # nothing without TLS


def test_a_listed_proxy_says_who_somebody_is(machine, proxy, serves):
    where = f"{machine.address}:{PORT}"
    serves(f"--bind {where} --host board.example.org --behind {proxy.address} --user-header X-Forwarded-User")
    proxy.proxies(where)
    status, page = proxy.asked("http://localhost/board", "-u ann:secret")
    assert (status, "shown to ann" in page) == (200, True)
    assert proxy.asked("http://localhost/board")[0] == 401  # nginx's own
    status, page = proxy.asked("http://localhost/board", "-u ann:secret -H 'X-Forwarded-User: root'")
    assert (status, "shown to ann" in page) == (200, True)
    forged = "-H 'Host: board.example.org' -H 'X-Forwarded-User: ann'"
    status, page = machine.asked(f"http://{where}/board", forged)  # another peer than the listed one
    assert (status, "open the link" in page) == (401, True)
    stream = proxy("curl -sN -m 5 -u ann:secret http://localhost/stream")
    assert "event: beat" in stream  # nginx keeps no event back


def test_a_proxy_on_a_unix_socket_is_believed_and_nobody_else_connects(machine):
    machine("install -d -o root -g www-data -m 2750 /run/board")
    where = "--bind unix:/run/board/web.sock --host board.example.org --user-header X-Forwarded-User"
    told = machine(f"cd /srv/shop && {CDCONF} serve --install {where} && systemctl daemon-reload")
    machine("systemctl restart cdconf-serve-shop")
    try:
        assert eventually(lambda: machine("ls /run/board") == "web.sock", 30), machine(
            "journalctl -u cdconf-serve-shop"
        )
        assert machine("stat -c '%a %U %G' /run/board/web.sock") == "660 root www-data"
        machine.proxies("unix:/run/board/web.sock")
        status, page = machine.asked("http://localhost/board", "-u ann:secret")
        assert (status, "shown to ann" in page) == (200, True)
        assert machine.asked("http://localhost/board")[0] == 401
        socket = "--unix-socket /run/board/web.sock -H 'X-Forwarded-User: ann' -H 'Host: board.example.org'"
        nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
        assert machine(f"{nobody} curl -sS -o /dev/null {socket} http://board/board; echo $?").endswith("7")
        assert machine.asked("http://board/board", socket.replace("-H 'X-Forwarded-User: ann'", ""))[0] == 401
        assert machine.asked("http://board/board", socket.replace("board.example.org", "evil.example"))[0] == 421
    finally:
        machine(re.search(r"remove it:\n +(.*)", told)[1])
