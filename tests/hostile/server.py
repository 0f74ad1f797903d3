"""An ssh server on the loopback that logs anybody in, and then behaves badly.

What it does is one word of `BEHAVIOURS`; those of the greeting and the key exchange come before any login. It serves
sessions from threads until it's closed.
"""

import contextlib
import functools
import json
import logging
import os
import re
import socket
import threading
import time
import zlib

import paramiko

from tests.hostile import samples
from tests.hostile.logins import FORWARDS, LOGINS, SUDOS, Everybody, forward

logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)  # what its servers say of the ends that they make
GREETINGS = {
    "nothing": lambda sock, over: over.wait(),
    "closes at once": lambda sock, over: None,
    "closes in the greeting": lambda sock, over: sock.sendall(b"SSH-2.0-"),
    "no protocol": lambda sock, over: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200),
    "an endless line": lambda sock, over: _flood(sock, over, b"x" * 65536),
    "endless lines": lambda sock, over: _flood(sock, over, b"welcome\r\n" * 7000),
    "a slow greeting": lambda sock, over: _drip(sock, over, b"hello\r\n" * 500),
    "an old protocol": lambda sock, over: sock.sendall(b"SSH-1.5-x\r\n"),
    "control characters": lambda sock, over: sock.sendall(b"\x1b]0;x\x07\x1b[2J" * 10 + b"\r\nSSH-2.0-\x1b[31m\r\nzz"),
    "a huge packet": lambda sock, over: _then(sock, over, b"\x7f\xff\xff\xf8" + b"x" * 12),
    "a torn packet": lambda sock, over: sock.sendall(b"SSH-2.0-x\r\n" + b"\x00\x00\x01\x00\x0a\x14"),
    "no key exchange": lambda sock, over: _then(sock, over, b""),
    "a slow key exchange": lambda sock, over: _drip(sock, over, b"SSH-2.0-x\r\n" + b"\x00\x00\x04\x00\x0a\x14" * 300),
    "rubbish for keys": lambda sock, over: sock.sendall(b"SSH-2.0-x\r\n" + os.urandom(4096)),
}


def _then(sock, over, data):
    sock.sendall(b"SSH-2.0-x\r\n" + data)
    over.wait()


def _flood(sock, over, data):
    while not over.is_set():
        sock.sendall(data)
        over.wait(0.002)


def _drip(sock, over, data):
    for byte in data:
        if over.wait(0.2):
            return
        sock.sendall(bytes([byte]))


def _frame(value):
    return _framed(json.dumps(value).encode())


def _framed(payload, kind=b"J"):
    return len(payload).to_bytes(4, "big") + kind + payload


@functools.cache  # a server's own work isn't what it costs others
def _bomb(size):
    return _framed(zlib.compress(b"[" + b"[]," * size + b"[]]", 9), b"Z")


class Agent:
    """What's said in place of an agent, on one channel."""

    def __init__(self, channel, nonce, over):
        self.channel, self.over, self.nonce = channel, over, nonce

    def send(self, data):
        self.channel.sendall(data)

    def ready(self):
        self.send(f"{self.nonce} ready\n".encode())

    def flood(self, data):
        while not self.over.is_set():
            self.send(data)

    def opened(self):
        """A session that begins as it should."""
        self.ready()
        self.request()
        self.send(_frame({"id": 1, "result": {**samples.OPENED, "lease": None}}))

    def request(self):
        """The next request; beats are answered."""
        while True:
            header = self._exactly(5)
            payload = self._exactly(int.from_bytes(header[:4], "big"))
            if header[4:] == b"Z":
                payload = zlib.decompress(payload)
            value = json.loads(payload)
            if "call" in value:
                return value
            if "beat" in value:
                self.send(_frame({"beat": True}))

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.channel.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def answer(self, result):
        """Answers the next request with this, and is silent from then on."""
        self.opened()
        self.send(_frame({"id": self.request()["id"], **result}))

    def echo(self):
        """Answers beats and nothing else."""
        with contextlib.suppress(EOFError):
            while True:
                self.request()


def _slow(agent, data):
    for byte in data:
        if agent.over.wait(1.0):
            return
        agent.send(bytes([byte]))


def _after(agent, *frames):
    """Says these once it's asked something after the opening, and waits."""
    agent.opened()
    asked = agent.request()
    for frame in frames:
        agent.send(frame(asked["id"]) if callable(frame) else frame)
    agent.echo()


STARTS = {
    "a silent login": lambda agent: agent.over.wait(),
    "a login without end": lambda agent: agent.flood(b"welcome\n" * 4096),
    "errors without end": lambda agent: [agent.channel.sendall_stderr(b"x" * 32768) for _ in range(100_000)],
    "a login that ends": lambda agent: None,
    "words with escapes": lambda agent: agent.send(b"\x1b[2J\x1b]0;x\x07\xe2\x80\xaeno\n"),
    "an unknown word": lambda agent: agent.send(f"{agent.nonce} \x1b[31mdance\n".encode()),
    "always needs the agent": lambda agent: [agent.send(f"{agent.nonce} need\n".encode()) for _ in range(100_000)],
    "a prompt of its own": lambda agent: agent.send(b"[sudo] password for you: ") or agent.over.wait(),
    "ready, then silent": lambda agent: agent.ready() or agent.over.wait(),
    "ready, then text": lambda agent: agent.ready() or agent.flood(b"Segmentation fault\n" * 100),
    "opens with a number": lambda agent: agent.ready() or agent.send(_frame({"id": 1, "result": 5})),
    "opens with an error": lambda agent: agent.ready() or agent.send(_frame({"id": 1, "error": {}})),
    "opens deep": lambda agent: agent.ready() or agent.send(_framed(b"[" * 100_000)),
    "opens with NaN": lambda agent: agent.ready() or agent.send(_framed(b'{"id":1,"result":{"facts":NaN}}')),
    "opens with bytes": lambda agent: agent.ready() or agent.send(_framed(b'{"id":1,"result":{"$b64":5}}')),
    "opens with a bomb": lambda agent: agent.ready() or agent.send(_bomb(5_000_000)) or agent.over.wait(),
    "opens with many members": lambda agent: agent.ready() or agent.send(_bomb(2_000_000)) or agent.over.wait(),
    "opens slowly": lambda agent: agent.ready() or _slow(agent, _frame({"id": 1, "result": {}})),
    "says it's huge": lambda agent: agent.ready() or agent.send(b"\xff\xff\xff\xffJ") or agent.over.wait(),
    "floods echoes": lambda agent: agent.ready() or agent.flood(_frame({"beat": True}) * 1000),
    "another's answers": lambda agent: agent.ready() or agent.flood(_frame({"id": 7, "result": {}}) * 1000),
    "closes after the opening": lambda agent: agent.opened(),
}
CALLS = {
    "no result": lambda agent: agent.answer({}),
    "a result of another shape": lambda agent: agent.answer({"result": [1, 2]}),
    "an empty error": lambda agent: agent.answer({"error": {}}),
    "an error with escapes": lambda agent: agent.answer(
        {"error": {"kind": "failed", "message": "\x1b[2J\nerror: you lost\u202e", "output": "\x9b31m"}}
    ),
    "a reboot for nothing": lambda agent: agent.answer({"error": {"kind": "rebooting", "message": "x"}}),
    "a bomb": lambda agent: _after(agent, _bomb(5_000_000)),
    "a torn frame": lambda agent: _after(agent, b"\x00\x00\x10\x00J{"),
    "events of nothing": lambda agent: _after(agent, lambda number: _frame({"id": number, "event": {"evil": 1}}) * 50),
    "events without end": lambda agent: _after(agent, lambda number: _many(agent, number)),
    "output with a long line": lambda agent: _after(
        agent, lambda number: _frame({"id": number, "event": {"out": {"$b64": "QUFB" * 100_000}}}) * 20
    ),
}
ANOTHER_KEY = "another host key"
BEHAVIOURS = (*GREETINGS, *LOGINS, *STARTS, *CALLS, *SUDOS, ANOTHER_KEY)
CUTS = {f"closes after {count} bytes": count for count in (1, 8, 20, 600, 1500, 1900, 2300)}  # of a login that's well
JUMP = "a jump host"  # as it should be
JUMPS = (*GREETINGS, *LOGINS, *FORWARDS, ANOTHER_KEY)  # what's tried of a jump host


def _many(agent, number):
    done = {"type": "file", "title": "x", "status": "ok", "message": "m" * 60_000}
    agent.flood(_frame({"id": number, "event": done}))
    return b""


class _Cut:
    """A socket that closes once it has sent so many bytes."""

    def __init__(self, sock, count):
        self._sock, self._left = sock, count

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def send(self, data):
        if self._left <= 0:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            raise EOFError
        sent = self._sock.send(data[: self._left])
        self._left -= sent
        return sent


class FalseServer:
    """See the module.

    Args:
        behaviour: A key of `BEHAVIOURS`.
        key: The host's private key.
    """

    def __init__(self, behaviour, key):
        self.behaviour, self.key = behaviour, key
        self.over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._held = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while not self.over.is_set():
                sock, _ = self._listener.accept()
                self._held.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException, ValueError):
            if self.behaviour in GREETINGS:
                GREETINGS[self.behaviour](sock, self.over)
            else:
                self._log_in(sock)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    def _log_in(self, sock):
        transport = paramiko.Transport(_Cut(sock, CUTS[self.behaviour]) if self.behaviour in CUTS else sock)
        self._held.append(transport)
        another = self.behaviour == ANOTHER_KEY
        transport.add_server_key(paramiko.ECDSAKey.generate() if another else self.key)
        if self.behaviour == JUMP or self.behaviour in FORWARDS:
            forward(transport, self.over, self.behaviour if self.behaviour in FORWARDS else "")
            return
        lets_in, afterwards = LOGINS.get(self.behaviour, (Everybody, None))
        server = lets_in(self.over)
        transport.start_server(server=server)
        while not server.asked.wait(0.2):  # however long that takes: the other end must have limits of its own
            if self.over.is_set() or not transport.is_active():
                return
        channel = transport.accept(20)
        if afterwards is not None:
            afterwards(transport, self.over)
        else:
            self._speak(channel, server.command)
            time.sleep(0.2)
        transport.close()

    def _speak(self, channel, command):
        """What stands in for the agent."""
        found = re.search(rb"\b[0-9a-f]{24}\b", command)
        agent = Agent(channel, found[0].decode() if found else "", self.over)
        {**STARTS, **CALLS, **SUDOS}[self.behaviour](agent)

    def close(self):
        """Ends all that it does."""
        self.over.set()
        self._listener.close()
        for one in self._held:
            with contextlib.suppress(OSError):
                one.close()
