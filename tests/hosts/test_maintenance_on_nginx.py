"""An app by hand, as people meet it: its page on an nginx that balances its load, and a terminal by sudo."""

import fcntl
import os
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

from tests.conftest import CDCONF, begun, write
from tests.hosts.conftest import FILES
from tests.hosts.live import Live, eventually, provisioned
from tests.terminal import ROWS, Terminal

pytestmark = pytest.mark.hosts

OWN = {
    "cdconf.yml": """
        project: front
        lease: {ttl: 8s}
        groups:
          web: [app]
          lb: [front]
        apps:
          app:
            groups: [web]
            build: ./build.sh
            artifact: dist/app-*.tar.gz
            path: /srv/app
            user: daemon
            services: [app]
            health: {http: "http://127.0.0.1:8000/", within: 20s}
            maintenance:
              group: lb
              on: ln -sfn /etc/nginx/closed /run/front && nginx -s reload
              off: ln -sfn /etc/nginx/open /run/front && nginx -s reload
              wait: 4s
    """,
    "inventories/dev/hosts.yml": """
        provider: docker
        hosts:
          web1: {groups: [web]}
          lb1: {groups: [lb]}
    """,
    "serve.py": """
        import http.server, socketserver, time
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/slow":
                    time.sleep(3)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"the app")
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        socketserver.ThreadingTCPServer(("", 8000), Answer).serve_forever()
    """,
    "roles/app/smoke/test_app.py": """
        def test_it_answers(host):
            assert host.check_output("curl -fsS http://127.0.0.1:8000/") == "the app"
    """,
    "roles/front/role.yml": """
        resources:
          - package: [nginx-light, curl]
          - file: /etc/nginx/sites-enabled/default
            absent: true
          - file: /etc/nginx/conf.d/front.conf
            content: |
              server {
                listen 80;
                include /run/front;
              }
            notify: reload nginx
          - file: /etc/nginx/open
            content: |
              location / { proxy_pass http://{{ hosts.web[0].address }}:8000; }
          - file: /etc/nginx/closed
            content: |
              location / { return 503 "closed for a while"; }
          - command: ln -sfn /etc/nginx/open /run/front
            unless: test -e /run/front
          - service: nginx
            enabled: true
            running: true
        handlers:
          reload nginx: {service: nginx, action: reload}
    """,
}


class Front(Live):
    def page(self):
        """What the load balancer answers."""
        return self.on("lb1", "curl -sS -m 10 http://127.0.0.1/")

    def shown(self):
        """What `status` says of pages."""
        return self.document("status", "dev")["maintenance"]


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    with provisioned(tmp_path_factory.mktemp("front"), {**FILES, **OWN}, Front) as one:
        one.commit(note="one")
        one("deploy", "app", "--to", "dev")
        yield one


def test_the_page_is_seen_and_requests_in_flight_are_answered(front):
    assert front.page() == "the app"
    slow = []
    asking = threading.Thread(target=lambda: slow.append(front.on("lb1", "curl -sS http://127.0.0.1/slow")))
    asking.start()
    time.sleep(0.7)
    said = front("maintenance", "on", "app", "--env", "dev", "--reason", "moving house").stderr
    assert slow == ["the app"], "it was waited for"
    asking.join()
    assert "the page is shown, until " in said
    assert front.page() == "closed for a while"
    assert front.on("lb1", "curl -so /dev/null -w '%{http_code}' http://127.0.0.1/") == "503"
    assert front.shown()["app"]["lb1"]["reason"] == "moving house"
    told = front("status", "dev").stderr
    assert "lb1 shows the maintenance page of app by " in told
    assert "(moving house): it ends by itself at " in told
    assert "lb1: back to the app" in front("maintenance", "off", "app", "--env", "dev").stderr
    assert eventually(lambda: front.page() == "the app", 10)  # nginx takes a moment to reload
    assert front.shown() == {}
    assert "no host showed the page" in front("maintenance", "off", "app", "--env", "dev").stderr


def test_a_deployment_goes_on_behind_the_page(front):
    front("maintenance", "on", "app", "--env", "dev")
    front.commit(note=str(time.time_ns()))
    front("deploy", "app", "--to", "dev")
    assert front.page() == "closed for a while"
    front("maintenance", "off", "app", "--env", "dev")
    assert eventually(lambda: front.page() == "the app", 10)


def test_the_page_ends_by_itself_when_the_controller_is_gone(front):
    words = [*CDCONF, "maintenance", "on", "app", "--env", "dev", "--ttl", "12s"]
    process = subprocess.Popen(words, cwd=front.root, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: front.page() == "closed for a while", 30)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert front.shown()["app"]["lb1"]["problem"] is None
    assert eventually(lambda: front.page() == "the app", 40)
    assert eventually(lambda: front.shown() == {}, 10)
    front.free()


def test_ctrl_c_while_requests_are_waited_for_says_that_the_page_is_shown(front):
    process = begun(front.root, "maintenance", "on", "app", "--env", "dev", stderr=subprocess.PIPE)
    assert eventually(lambda: front.page() == "closed for a while", 30)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the page is shown already, and ends by itself at " in said
    assert "`cdconf maintenance off app --env dev` ends it now" in said
    front("maintenance", "off", "app", "--env", "dev")
    assert eventually(lambda: front.page() == "the app", 10)


def test_a_page_that_cannot_be_shown_is_taken_away(front):
    config = front.root / "cdconf.yml"
    text = config.read_text()
    config.write_text(text.replace("on: ln -sfn /etc/nginx/closed /run/front &&", "on: exit 3; "))
    try:
        said = front("maintenance", "on", "app", "--env", "dev", code=1).stderr
        assert "the command that shows the maintenance page failed" in said
        assert (front.page(), front.shown()) == ("the app", {})
    finally:
        config.write_text(text)


# --- a terminal, by sudo


@pytest.fixture(scope="module")
def by_sudo(front):
    """The same web1 as somebody else's login, who becomes root by sudo and needs no password for it."""
    front.on("web1", "useradd -m -s /bin/bash deploy; echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy")
    front.on("web1", "install -d -o deploy -m 700 ~deploy/.ssh")
    front.on("web1", "install -o deploy -m 600 ~/.ssh/authorized_keys ~deploy/.ssh/")
    folder = front.root / ".cdconf/environments/dev"
    key = front.on("web1", "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub")
    line = next(one for one in (folder / "known_hosts").read_text().splitlines() if key in one)
    port = line.split("]:")[1].split()[0]
    fields = f"address: 127.0.0.1, port: {port}, user: deploy, become: sudo"
    fields += f", identity_file: {folder / 'id_ed25519'}, known_hosts: {folder / 'known_hosts'}"
    write(front.root, {"inventories/sudo/hosts.yml": f"hosts:\n  web1: {{groups: [web], ssh: {{{fields}}}}}\n"})
    yield front
    (front.root / "inventories/sudo/hosts.yml").unlink()


def terminal(front, line, columns=97):
    return Terminal(front.root, "run", "sudo", "--app", "app", "-t", "--", line, columns=columns)


def test_a_terminal_by_sudo_has_the_window_s_size_and_gives_the_exit_code(by_sudo):
    one = terminal(by_sudo, 'test -t 0 && test -t 1 && stty size && echo "$(id -un) in $(pwd -P) on $TERM"; exit 7')
    assert one.end() == 7, one.text()
    assert f"{ROWS} 97" in one.lines(), one.text()
    assert "daemon in /srv/app/releases/" in one.text()
    assert "xterm-256color" in one.text()


def test_a_terminal_by_sudo_takes_what_is_typed(by_sudo):
    one = terminal(by_sudo, 'echo ready; read -r word; echo "<$word>"; exit 0')
    one.until("ready")
    one.type("some words\n")
    one.until("<some words>")
    assert one.end() == 0, one.text()


def test_ctrl_c_ends_the_command_and_not_only_the_terminal(by_sudo):
    one = terminal(by_sudo, "echo ready; exec sleep 7654")
    one.until("ready")
    one.type("\x03")
    assert one.end() == 130, one.text()
    assert by_sudo.on("web1", "pgrep -f '[s]leep 7654'") == ""
    one = terminal(by_sudo, "kill -KILL $$")
    assert one.end() == 137, one.text()
    # Linux sends the signal first, and throws away what's printed since, until it has emptied the terminal's queue.
    one = terminal(by_sudo, "trap 'sleep 1; echo caught' INT; echo ready; sleep 7655; echo went on; exit 4")
    one.until("ready")
    one.type("\x03")
    one.until("went on")
    assert "caught" in one.text()
    assert one.end() == 4, one.text()


def test_a_terminal_that_is_gone_ends_the_command(by_sudo):
    one = terminal(by_sudo, "echo ready; exec sleep 7656")
    one.until("ready")
    one.hang_up()
    assert eventually(lambda: by_sudo.on("web1", "pgrep -f '[s]leep 7656'") == "", 30)
    one.process.wait(timeout=30)


def test_sudo_asks_for_its_password_on_the_terminal(by_sudo):
    by_sudo.on("web1", "echo deploy:of-deploy | chpasswd; sed -i s/NOPASSWD:// /etc/sudoers.d/deploy")
    try:
        one = terminal(by_sudo, 'test -t 0 && echo "$(id -un) is here"; exit 3')
        one.until("password for deploy")
        one.type("wrong\n")
        one.until("try again")
        one.type("of-deploy\n")
        assert one.end() == 3, one.text()
        assert "daemon is here" in one.text()
        assert "of-deploy" not in one.text()
    finally:
        by_sudo.on("web1", "echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy")


def test_a_window_that_changes_is_followed(by_sudo):
    one = terminal(by_sudo, "trap 'stty size' WINCH; echo ready; while sleep 0.2; do :; done")
    one.until("ready")
    fcntl.ioctl(one._mine, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 133, 0, 0))
    os.killpg(os.getpgid(one.process.pid), signal.SIGWINCH)
    one.until("44 133")
    one.type("\x03")
    one.end()


def test_what_a_terminal_cannot_begin_with_is_said(by_sudo):
    by_sudo.on("web1", "mv /srv/app/current /srv/app/away")
    try:
        one = terminal(by_sudo, "pwd")
        assert one.end() == 1
        assert "error: no release of app app runs on this host" in one.text()
    finally:
        by_sudo.on("web1", "mv /srv/app/away /srv/app/current")
    config = by_sudo.root / "cdconf.yml"
    text = config.read_text()
    config.write_text(text.replace("user: daemon", "user: daemon\n    env_file: /etc/nope"))
    try:
        one = terminal(by_sudo, "pwd")
        assert one.end() == 1
        assert "error: there is no environment file /etc/nope on this host" in one.text()
    finally:
        config.write_text(text)


def test_times_that_no_page_has(front):
    for ttl in ("5x", "0s", "99999999999999999d"):
        said = front("maintenance", "on", "app", "--env", "dev", "--ttl", ttl, code=1).stderr
        assert f"--ttl must be a time, not '{ttl}'" in said
