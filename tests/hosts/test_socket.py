"""A service behind a socket of systemd, as `docs/guides/services.md` has it: deployments lose no request."""

import textwrap
import time

import pytest

from tests.chaos.load import Load
from tests.hosts.test_main_job import deployed

pytestmark = pytest.mark.hosts
__all__ = ["deployed"]

SERVE = """
    import http.server, os, signal, socket, socketserver, threading
    VERSION = open("VERSION").read().strip()
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            text = VERSION.encode()
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        do_POST = do_GET
        def log_message(self, *words):
            pass
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        request_queue_size = 128
    if os.environ.get("LISTEN_FDS"):
        server = Server(None, Answer, bind_and_activate=False)
        server.socket = socket.socket(fileno=3)
    else:
        server = Server(("", 8000), Answer)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    server.server_close()  # waits for the answers in hand
"""
SOCKET = """
  - systemd_unit: app.socket
    content: |
      [Socket]
      ListenStream=8000
      Backlog=1024
"""


@pytest.fixture
def behind_socket(live, deployed):
    """The app behind a socket: a release that can take one, then the socket."""
    paths = [live.root / name for name in ("cdconf.yml", "serve.py", "roles/app/role.yml")]
    before = {path: path.read_text() for path in paths}
    config, serve, role = paths
    try:
        serve.write_text(textwrap.dedent(SERVE).lstrip())
        live.commit(note=str(time.time_ns()))
        live("deploy", "app", "--to", "dev")
        config.write_text(
            before[config].replace("[app]\n    health", "[{service: app.socket, activate: none}, app]\n    health")
        )
        lines = before[role].replace("  - service: app\n", SOCKET.lstrip("\n") + "  - service: app\n")
        role.write_text(lines)
        live("provision", "dev")
        live.commit(note=str(time.time_ns()))
        live("deploy", "app", "--to", "dev")
        yield live
    finally:
        for path, text in before.items():
            path.write_text(text)
        for host in ("web1", "web2"):
            live.on(
                host, "systemctl stop app.socket app; rm -f /etc/systemd/system/app.socket; systemctl daemon-reload"
            )
            live.on(host, "systemctl start app")
        live("provision", "dev", "--prune")


def test_a_service_behind_a_socket_loses_no_request(behind_socket):
    live = behind_socket
    assert live.on("web1", "systemctl is-active app.socket app").split() == ["active", "active"]
    old = live.head()
    address = live.on("web1", "hostname -I").split()[0] + ":8000"
    version = live.commit(note=str(time.time_ns()))
    with Load(lambda: address, pause=0.01, kinds=[("GET", False), ("POST", False)] * 4) as load:
        live("deploy", "app", "--to", "dev")
        live("rollback", "dev", "app")
        counted = load.counted()
    assert counted.lost == [], "\n".join(map(str, counted.lost[:20]))
    assert set(counted.answers) == {old, version}
    assert counted.requests > 100
    shown = live("status", "dev", "-v").stdout
    assert "app.socket  active  none" in shown
    assert "its main process runs from the release" in shown
