"""Health checks with the agent's own code: each says what was expected and what came."""

import http.server
import socket
import threading
import time

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.release import health


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, _, body = self.path.strip("/").partition("/")
        if status == "nonsense":
            self.wfile.write(b"220 mail.example.com ESMTP\r\n")
            return
        self.send_response(int(status))
        self.end_headers()
        self.wfile.write(body.replace("+", " ").encode())

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def server():
    one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=one.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{one.server_port}"
    one.shutdown()
    one.server_close()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def problem(**check):
    """What one attempt finds; None when all is well."""
    try:
        health.wait(check, 0, lambda: None)
    except Failed as error:
        return error.message
    return None


@pytest.mark.parametrize(
    ("path", "more", "expected"),
    [
        ("200/well", {}, None),
        ("204", {}, None),
        ("503/no+database", {}, "answered 503 with 'no database', expected 2xx"),
        ("404", {"status": [404]}, None),
        ("200", {"status": [401, 403]}, "answered 200, expected 401 or 403"),
        ("401/go+away", {"status": [401, 403]}, None),
        ("200/all+is+well", {"contains": "is well"}, None),
        ("200/starting", {"contains": "is well"}, "answered 200 with 'starting', expected 'is well' in it"),
        ("200", {"contains": "is well"}, "answered 200 with no body, expected 'is well' in it"),
        ("503/is+well", {"contains": "is well", "status": [503]}, None),
        ("200/" + "x" * 500, {"contains": "y"}, "with '" + "x" * 80 + "…', expected 'y' in it"),
        ("nonsense", {}, "no HTTP: "),
    ],
)
def test_http_is_asked_for_its_status_and_its_body(server, path, more, expected):
    found = problem(http=f"http://{server}/{path}", **more)
    assert found is None if expected is None else (expected in found and f"http://{server}/" in found), found


def test_what_refuses_a_connection_is_named_with_what_was_expected():
    port = free_port()
    found = problem(http=f"http://127.0.0.1:{port}/", status=[200])
    assert found == f"not healthy: http://127.0.0.1:{port}/ gave '[Errno 111] Connection refused', expected 200"
    found = problem(tcp=f"127.0.0.1:{port}")
    assert found.endswith(f"127.0.0.1:{port} gave '[Errno 111] Connection refused', expected it to accept a connection")


def test_a_command_s_status_and_last_word_are_told():
    assert problem(command="true") is None
    found = problem(command="echo one; echo the queue is full >&2; exit 3")
    assert found.endswith("ended with exit status 3, expected 0: the queue is full")
    assert problem(command="false") == "not healthy: the command `false` ended with exit status 1, expected 0"


def test_all_that_is_given_must_hold_at_once(server, tmp_path):
    flag = tmp_path / "ready"
    check = {"http": f"http://{server}/200", "tcp": server, "command": f"test -e {flag}"}
    assert "exit status 1" in problem(**check)
    flag.touch()
    assert problem(**check) is None
    assert "expected 2xx" in problem(**check | {"http": f"http://{server}/500"})
    assert "accept a connection" in problem(**check | {"tcp": f"127.0.0.1:{free_port()}"})


def test_it_is_tried_until_it_holds_and_says_what_is_wrong_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "SAY", 0.1)
    flag, said = tmp_path / "ready", []
    threading.Timer(0.8, flag.touch).start()
    result = health.wait({"command": f"test -e {flag}"}, 10, lambda: None, lambda *words: said.append(words))
    assert result["attempts"] >= 3
    assert 0.5 < result["waited_s"] < 5
    assert said
    assert all(attempt >= 1 and 0 < left < 10 and "exit status 1" in why for attempt, left, why in said)
    with pytest.raises(
        Failed, match=r"not healthy after 0\.3 s \([0-9]+ attempts\): the command `false` ended"
    ) as caught:
        health.wait({"command": "false"}, 0.3, lambda: None)
    assert caught.value.kind == "release"


def unit(monkeypatch, up=100.0, **state):
    """One unit's state, as `systemctl show` gives it; it has been active for `up` seconds."""
    entered = str(int((time.monotonic() - up) * 1e6))
    shown = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success"}
    shown |= {"NRestarts": "0", "ActiveEnterTimestampMonotonic": entered} | state
    monkeypatch.setattr(health.app_services, "show", lambda names, properties: dict.fromkeys(names, shown))
    return problem(systemd=["shop"])


def test_a_unit_must_be_active_and_stay_so(monkeypatch):
    assert unit(monkeypatch) is None
    assert unit(monkeypatch, NRestarts="3") is None, "that was long ago"
    failed = {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code"}
    assert unit(monkeypatch, **failed).endswith("'shop' is failed (failed, exit-code), expected it to be active")
    again = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "signal"}
    assert "is activating (auto-restart, signal), expected" in unit(monkeypatch, **again)
    assert "has no file on this host (not-found)" in unit(monkeypatch, LoadState="not-found", ActiveState="inactive")


def test_a_unit_that_crashes_in_a_loop_is_not_well_though_it_is_active_in_between(monkeypatch):
    assert "is active for 1.0 s, expected it to stay so for 2 s" in unit(monkeypatch, up=1.0)
    found = unit(monkeypatch, up=4.0, NRestarts="7")
    assert "is restarted by systemd (NRestarts=7), active for 4.0 s, expected it to stay so for 10 s" in found
    assert unit(monkeypatch, up=3.0) is None
