"""Runs the server until somebody ends it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import UsageError
from cdconf.scratch import scratch
from cdconf.web.app import Application
from cdconf.web.binding import Binding, is_loopback
from cdconf.web.door import Door
from cdconf.web.guard import OPEN
from cdconf.web.reading.sources import Sources

if TYPE_CHECKING:
    from cdconf.web.binding import BindRequest

_AT_ONCE = 100  # connections


def serve(root: Path, binding: Binding, wish: BindRequest, tell: Callable[[str], None]) -> None:
    """Serves a project's dashboard until SIGINT or SIGTERM.

    Args:
        root: The project's directory.
        binding: Where it listens.
        wish: The files of TLS.
        tell: Told where it listens, and by which link it opens; after each use the next link.

    Raises:
        CdconfError: The project or its history can't be read.
        UsageError: Nothing can listen there.
    """
    os.environ["GIT_NO_LAZY_FETCH"] = "1"  # a page that asks for a commit fetches nothing
    with scratch("serve") as folder, _socket(binding) as listening:
        port = listening.getsockname()[1] if binding.socket is None else 0
        bound = Binding(**{**vars(binding), "port": port})

        def opens(word: str) -> None:
            tell(f"{bound.url}{OPEN}{word}")

        sources = Sources(root, folder)
        try:
            door = Door(port, is_tls=binding.is_tls, opened=opens)
            application = Application(sources, bound, door)
            opens(door.word)
            _run(application.guarded, listening, wish)
        finally:
            sources.close()


def _run(application: Any, listening: socket.socket, wish: BindRequest) -> None:
    import uvicorn

    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=_AT_ONCE,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=16384,
        ws="none",
        ssl_certfile=wish.certificate,
        ssl_keyfile=wish.key,
    )
    uvicorn.Server(config).run([listening])


def _socket(binding: Binding) -> socket.socket:
    """The socket that listens: it's there before anybody is told of it.

    Raises:
        UsageError: It can't be made.
    """
    if binding.socket is not None:
        return _unix(binding.socket)
    address = binding.address or "127.0.0.1"
    found = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, binding.port))
        found.listen(128)
    except OSError as error:
        found.close()
        hint = "another port: --bind 127.0.0.1:8791" if is_loopback(address) else "is it an address of this machine?"
        raise UsageError(f"can't listen on {address}:{binding.port}: {error.strerror}", hint=hint) from error
    return found


def _unix(path: str) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)  # for the owner and the group: the proxy is in that
    try:
        if Path(path).is_socket():
            Path(path).unlink()
        found.bind(path)
        found.listen(128)
    except OSError as error:
        found.close()
        raise UsageError(f"can't listen on {path}: {error.strerror}", hint="is its directory there?") from error
    finally:
        os.umask(before)
    return found
