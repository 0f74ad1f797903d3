"""A project with a history, and a dashboard of it that is really served on loopback."""

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from cdconf.history import journal_file

FILE = """\
project: shop
groups: {web: []}
apps:
  shop: {groups: [web], path: /srv/shop, artifact: dist/shop-*.tar.gz, build: make}
pipeline:
  stages:
    - {stage: acceptance, environment: staging, run: "true"}
    - {stage: production, environment: production}
"""
HOSTILE = "HTTP 500 \x1b[31m<script>alert(1)</script>\u202e"


def make(root: Path, hosts: int = 3) -> Path:
    """A project with two environments, in git."""
    root.mkdir(exist_ok=True)
    (root / "cdconf.yml").write_text(FILE)
    for name in ("staging", "production"):
        folder = root / "inventories" / name
        folder.mkdir(parents=True)
        lines = "".join(f"  web{one}: {{address: 10.0.0.{one}, groups: [web]}}\n" for one in range(1, hosts + 1))
        (folder / "hosts.yml").write_text(f"provider: existing\nhosts:\n{lines}")
    (root / ".cdconf").mkdir(mode=0o700)
    (root / ".gitignore").write_text(".cdconf/\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "begin")
    return root


def git(root, *words, at=None):
    """Runs git; a commit is made `at` a time, in seconds since 1970."""
    about = {"NAME": "ann", "EMAIL": "ann@example.org"}
    who = {f"GIT_{who}_{what}": about[what] for who in ("AUTHOR", "COMMITTER") for what in about}
    when = {f"GIT_{who}_DATE": f"@{at:.0f}" for who in ("AUTHOR", "COMMITTER")} if at else {}
    subprocess.run(["git", "-C", root, *words], env={**os.environ, **who, **when}, check=True, capture_output=True)


def ran(root: Path, number: int, events=(), **about) -> str:
    """A run that has ended; returns its id."""
    at = about.get("started_at", time.time() - 10_000 + number)
    identity = f"{int(at * 1000):012x}-{number:012x}"
    record = {"id": identity, "run": f"run{number:08x}", "command": "deploy", "environment": "production"}
    record |= {"app": "shop", "version": f"1.{number}", "artifact": f"{number:064x}", "user": "ann"}
    record |= {"started_at": at, "duration_s": 60.0, "exit_code": 0, "committed_at": at + 60}
    record |= {"hosts": {f"web{one}": {"status": "ok", "ok": 1, "changed": 0, "failed": 0} for one in range(1, 4)}}
    folder = root / ".cdconf" / "events"
    folder.mkdir(exist_ok=True)
    lines = [{"at": at, "event": "step", "message": "batch 1 of 1: web1"}, *events]
    (folder / f"{identity}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    journal_file.append(root / ".cdconf", record | about)
    return identity


def rolled_back(root: Path, number: int) -> str:
    """A deployment that went back, since a host said something hostile."""
    smoke = {"at": time.time(), "event": "smoke", "host": "web2", "test": "answers", "passed": False}
    hosts = {f"web{one}": {"status": "rolled_back", "ok": 1, "changed": 0, "failed": 1} for one in range(1, 4)}
    about = {"exit_code": 1, "verdict": True, "committed_at": None, "error": f"web2: {HOSTILE}", "hosts": hosts}
    return ran(root, number, [{**smoke, "message": HOSTILE}], **about)


class Served:
    """A dashboard that's served; `link` opens it next."""

    def __init__(self, process, link):
        self.process, self.link = process, link
        self.port = int(re.search(r":(\d+)/", link)[1])
        self.cookie = None

    def enter(self):
        """Exchanges the link for a cookie; the next link is read."""
        answer = self.ask(self.link.partition(str(self.port))[2], cookie=None)
        assert answer.status == 303, answer.text
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        self.link = self.next_link()
        return answer

    def next_link(self):
        return re.search(r"http\S+", self.process.stderr.readline())[0]

    def ask(self, path, method="GET", cookie="own", source="127.0.0.1", **headers):
        """One request; `cookie`: its value, None for none; a header's `_` stands for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=(source, 0))
        with contextlib.closing(connection):
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            given.setdefault("Host", f"localhost:{self.port}")
            chosen = self.cookie if cookie == "own" else cookie
            given |= {"Cookie": chosen} if chosen else {}
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders()
            return Answer(connection.getresponse())


class Answer:
    """What was answered."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        is_stream = "event-stream" in self.headers.get("content-type", "")
        self.body = response.read(200 if is_stream else None)
        self.text = self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)


@contextlib.contextmanager
def served(root: Path, *options):
    """`cdconf serve` on a port that's free."""
    command = [sys.executable, "-m", "cdconf", "serve", "--project", str(root), "--bind", "127.0.0.1:0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        line = process.stderr.readline()
        found = re.search(r"http\S+", line)
        assert found, line + process.stderr.read()
        yield Served(process, found[0])
    finally:
        process.terminate()
        process.communicate(timeout=20)


class Relay:
    """A network between a browser and a dashboard, which can be cut; `heard` is what browsers have sent."""

    def __init__(self, port):
        self._to, self._open, self._threads, self._cut = port, [], [], False
        self.heard = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                if self._cut:
                    here.close()
                    continue
                there = socket.create_connection(("127.0.0.1", self._to))
                self._open += [here, there]
                for pair, listens in (((here, there), True), ((there, here), False)):
                    self._threads.append(threading.Thread(target=self._pass_on, args=(*pair, listens), daemon=True))
                    self._threads[-1].start()

    def _pass_on(self, source, target, listens):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.heard += data if listens else b""
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()

    def cut(self):
        """Ends all connections, and takes no other."""
        self._cut = True
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def mend(self):
        self._cut = False

    def close(self):
        self.cut()
        self._listening.close()
        for one in self._threads:
            one.join(20)
