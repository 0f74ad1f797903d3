"""A program `cdconf` for the shells of tests: it has `tests.prepared` run the command line, which has imported cdconf.

The fork gets the program's arguments, directory, environment and streams, and the program ends as the fork ends. It
passes no signals on: tests of signals run `python -m cdconf`.
"""

import contextlib
import json
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.prepared import BIGGEST, prepared

# Without site-packages it starts in a twentieth of the time that cdconf's imports take.
PROGRAM = """\
#!{python} -IS
import json, os, socket, sys
reader, writer = os.pipe()
about = {{"arguments": sys.argv[1:], "cwd": os.getcwd(), "environment": dict(os.environ)}}
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
    asked.connect({address!r})
    socket.send_fds(asked, [json.dumps(about).encode()], [0, 1, 2, writer])
os.close(writer)
with open(reader) as told:
    lines = told.read().split()
code = int(lines[1]) if len(lines) > 1 else 1
os.kill(os.getpid(), -code) if code < 0 else sys.exit(code)
"""


@contextlib.contextmanager
def program(path: Path) -> Iterator[Path]:
    """Writes the program; it works while this is entered.

    Args:
        path: Where; its directory is made.
    """
    with (
        tempfile.TemporaryDirectory(prefix="cdconf-") as folder,  # the name of a socket has 107 bytes at most
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
    ):
        address = f"{folder}/asked"
        listener.bind(address)
        listener.listen(16)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PROGRAM.format(python=sys.executable, address=address))
        path.chmod(0o755)
        thread = threading.Thread(target=_pass_on, args=(listener,), daemon=True)
        thread.start()
        try:
            yield path
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _pass_on(listener: socket.socket) -> None:
    """Passes what's asked, and the streams, to the process that forks."""
    while True:
        try:
            asked, _ = listener.accept()
        except OSError:  # it's shut down at the end
            return
        with asked:
            data, descriptors, _, _ = socket.recv_fds(asked, BIGGEST, 4)
        if len(descriptors) == 4:
            prepared().ask(json.loads(data), descriptors)
        for one in descriptors:
            os.close(one)
