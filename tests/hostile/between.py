"""An ssh server in front of a real agent: it passes on what both say, and lies from one call on.

The agent runs on this machine in a mount namespace of its own, where the directories that it writes to are the host's;
or in whatever `prefix` starts, such as a container.
"""

import contextlib
import json
import re
import subprocess
import threading
import zlib

from tests.hostile.server import FalseServer, _framed

USED = ("/var/lib/cdconf", "/srv", "/var/cache")


def apart(folder):
    """What runs a command line with directories of its own, as root.

    Args:
        folder: Where they are kept from one session to the next.
    """
    mounts = []
    for path in USED:
        own = folder / path.strip("/").replace("/", "-")
        own.mkdir(parents=True, exist_ok=True)
        mounts.append(f"mkdir -p {path}; mount --bind {own} {path}")
    script = "; ".join([*mounts, 'exec sh -c "$0"'])
    return ["unshare", "-m", "--propagation", "private", "sh", "-c", script]


LIES = {
    "rubbish": lambda between, number: between.say(b"Segmentation fault\n" * 500),
    "silence": lambda between, number: between.wait(),
    "flood": lambda between, number: between.flood(number),
    "closes": lambda between, number: between.end(),
    "another shape": lambda between, number: between.say(_frame_of({"id": number, "result": [1, {"evil": 2}]})),
    "no result": lambda between, number: between.say(_frame_of({"id": number})),
    "an error of its own": lambda between, number: between.say(
        _frame_of({"id": number, "error": {"kind": "\x1b[31m", "message": "\x1b[2Jno\nerror: web2: it's theirs"}})
    ),
    "deep": lambda between, number: between.say(_framed(b"[" * 200_000)),
}


def _frame_of(value):
    return _framed(json.dumps(value).encode())


class Between:
    """One session: the agent's process, and the two streams.

    Args:
        channel: The controller's.
        command: What starts the agent.
        server: Whose session it is: it knows the lie.
    """

    def __init__(self, channel, command, server):
        self._channel, self._server = channel, server
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([*server.prefix, command], **pipes, start_new_session=True)
        self._lied = threading.Event()
        found = re.search(r"\b[0-9a-f]{24}\b", command)
        self._nonce = found[0].encode() if found else b""
        self._begun = threading.Event()

    def run(self):
        """Passes on until either end has ended."""
        asking = threading.Thread(target=self._ask, daemon=True)
        with self._process:
            asking.start()
            self._answer()
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.close()

    def _ask(self):
        """What the controller says; frames are looked at once the agent is there."""
        buffer = b""
        with contextlib.suppress(OSError, ValueError):
            while data := self._channel.recv(65536):
                if not self._begun.is_set():
                    self._pass(data)
                    continue
                buffer += data
                while len(buffer) >= 5 and len(buffer) >= (size := 5 + int.from_bytes(buffer[:4], "big")):
                    whole, buffer = buffer[:size], buffer[size:]
                    self._look(whole)
                    self._pass(whole)
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()

    def _pass(self, data):
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _look(self, frame):
        payload = frame[5:]
        with contextlib.suppress(ValueError, zlib.error, TypeError):
            value = json.loads(zlib.decompress(payload) if frame[4:5] == b"Z" else payload)
            call = value.get("call")
            if call is not None:
                self._server.asked.append(call)
            if call is not None and call == self._server.at and not self._lied.is_set():
                self._lied.set()
                threading.Thread(target=self._lie, args=(value["id"],), daemon=True).start()

    def _lie(self, number):
        with contextlib.suppress(OSError, EOFError):
            LIES[self._server.lie](self, number)

    def _answer(self):
        """What the agent says; once it's lied, nothing more."""
        seen = b""
        with contextlib.suppress(OSError):
            while data := self._process.stdout.read1(65536):
                if not self._begun.is_set():
                    seen += data
                    if self._nonce + b" ready" in seen:
                        self._begun.set()
                if not self._lied.is_set():
                    self._channel.sendall(data)

    def say(self, data):
        """Says something in the agent's place."""
        self._channel.sendall(data)

    def wait(self):
        """Says nothing until the server closes."""
        self._server.over.wait()

    def end(self):
        """Ends the connection."""
        self._channel.close()

    def flood(self, number):
        """Events without end."""
        data = _frame_of({"id": number, "event": {"evil": "x" * 30_000}}) * 10
        while not self._server.over.is_set():
            self._channel.sendall(data)


class BetweenServer(FalseServer):
    """See the module.

    Args:
        key: The host's private key.
        prefix: What runs a command line on the host.
        at: The call from which on it lies; None: it never does.
        lie: A key of `LIES`.
    """

    def __init__(self, key, prefix, at=None, lie="silence"):
        self.prefix, self.at, self.lie = prefix, at, lie
        self.asked = []
        super().__init__(None, key)

    def _speak(self, channel, command):
        Between(channel, command.decode(), self).run()
