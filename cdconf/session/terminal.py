"""Asks a person for a secret on the controlling terminal."""

from __future__ import annotations

import os
import signal
import termios

_ERASE, _KILL, _INTERRUPT, _END = (b"\x7f", b"\x08"), b"\x15", b"\x03", (b"\x04", b"")


def ask_secret(prompt: str) -> str:
    """Reads a line without echo.

    It's read byte by byte, with the terminal's signals off: this may be any thread, and one that's blocked in a read
    wouldn't hear of the Ctrl-C that ends the run. `getpass` would wait for Enter.

    Raises:
        OSError: There is no terminal (cron, CI).
        EOFError: Ctrl-C, which interrupts the run as well, Ctrl-D, or a line that isn't UTF-8.
    """
    descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    try:
        before = termios.tcgetattr(descriptor)
        silent = termios.tcgetattr(descriptor)
        silent[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
        try:
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
            os.write(descriptor, prompt.encode())
            return _line(descriptor).decode("utf-8")
        except UnicodeDecodeError:
            raise EOFError from None
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
            os.write(descriptor, b"\n")
    finally:
        os.close(descriptor)


def _line(descriptor: int) -> bytes:
    typed = b""
    while True:
        byte = os.read(descriptor, 1)
        if byte in (b"\r", b"\n"):
            return typed
        if byte == _INTERRUPT:
            os.kill(os.getpid(), signal.SIGINT)
            raise EOFError
        if byte in _END:
            raise EOFError
        if byte in _ERASE:
            typed = typed.decode("utf-8", "surrogateescape")[:-1].encode("utf-8", "surrogateescape")
        else:
            typed = b"" if byte == _KILL else typed + byte
