"""Has ssh-keygen sign, by the ssh-agent or with a key's file; FIDO keys too.

The message lies in a file meanwhile: read from a pipe, ssh-keygen couldn't ask for a passphrase on the terminal. Where
there's no terminal, nothing is asked: ssh-keygen gets neither one nor a program that would open a window, and an agent
that waits for somebody is given up after a while.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from shlex import quote
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError, UsageError
from cdconf.promotion.ssh.signature import dearmoured, signature_of, verify
from cdconf.promotion.ssh.wire import Malformed
from cdconf.scratch import scratch

if TYPE_CHECKING:
    from cdconf.promotion.ssh.own_keys import OwnKey

LONGEST = 30.0  # seconds for a signature where nobody can be asked
_SAID = 3  # lines of ssh-keygen's
_PROMPT = "Enter passphrase:"
_NOISE = ("Signing ", "Write signature", "Confirm user presence")
_HINTS = (
    ("incorrect passphrase", "its passphrase is needed: `ssh-add {key}` gives the key to your ssh-agent"),
    ("agent refused", "the ssh-agent has refused: unlock it, or confirm what it asks"),
    ("device not found", "plug the FIDO token in, and try again"),
    ("communication with agent failed", "the ssh-agent doesn't work: `ssh-add -l`"),
    ("not an OpenSSH FIDO library", "$SSH_SK_PROVIDER names the library for FIDO tokens: unset it, or mend it"),
    ("No such file", "the ssh-agent doesn't have the key, nor is its private file here: `ssh-add {key}`"),
    ("agent contains no", "the ssh-agent doesn't have the key: `ssh-add {key}`"),
    ("no private key", "the ssh-agent doesn't have the key, nor is its private file here: `ssh-add {key}`"),
    ("unknown option", "ssh-keygen is too old to sign: OpenSSH 8.2 or later does"),
)


def sign(message: bytes, own: OwnKey, namespace: str) -> bytes:
    """The SSH signature of a message.

    Args:
        message: What's signed.
        own: By whom.
        namespace: What for.

    Raises:
        CdconfError: ssh-keygen couldn't sign, or nobody has answered the agent.
        UsageError: There's no ssh-keygen.
    """
    try:
        text = _made(message, own, namespace)
    except OSError as error:
        raise CdconfError(f"can't sign: {error.strerror or error}: {error.filename or 'ssh-keygen'}") from error
    try:
        data = dearmoured(text)
        found = signature_of(data)
        verify(found, message, namespace)
    except Malformed as error:
        raise CdconfError(
            f"the signature of ssh-keygen {error}", hint=f"sign with another key than {own.shown}"
        ) from error
    return data


def _made(message: bytes, own: OwnKey, namespace: str) -> str:
    """The signature as ssh-keygen writes it."""
    with scratch("sign") as folder:
        file = folder / "message"
        file.write_bytes(message)
        key = own.file
        if key is None:
            key = folder / "key.pub"
            key.write_text(f"{own.key.line}\n")
        said, code = _run(["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key), str(file)])
        made = file.with_suffix(".sig")
        if code != 0 or not made.is_file():
            raise _failed(own, said)
        return made.read_text(encoding="ascii", errors="replace")


def _run(command: list[str]) -> tuple[list[str], int]:
    """What ssh-keygen says, and its exit code; on a terminal it may ask, and takes as long as people do."""
    asks = sys.stdin is not None and sys.stdin.isatty()
    environment = dict(os.environ) if asks else {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}
    try:
        process = subprocess.Popen(
            command,
            stdin=None if asks else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=not asks,
        )
    except FileNotFoundError as error:
        raise UsageError("ssh-keygen isn't installed", hint="approvals are signed by it: install OpenSSH") from error
    try:
        _, said = process.communicate(timeout=None if asks else LONGEST)
    except subprocess.TimeoutExpired as error:
        text = f"nobody has answered for {LONGEST:.0f} s: the ssh-agent, or the FIDO key, waits for somebody"
        raise CdconfError(text, hint="run this on a terminal, and confirm what is asked for") from error
    finally:
        _end(process, alone=not asks)
    lines = [one.replace(_PROMPT, "").strip() for one in said.decode("utf-8", "replace").splitlines()]
    return [line for line in lines if line and not line.startswith(_NOISE)][-_SAID:], process.returncode


def _end(process: subprocess.Popen[bytes], *, alone: bool) -> None:
    """Ends ssh-keygen, with the program that it has for tokens, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            if alone:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
    if process.stderr is not None:
        process.stderr.close()


def _failed(own: OwnKey, said: list[str]) -> CdconfError:
    text = "; ".join(said)
    key = quote(str(own.file).removesuffix(".pub")) if own.file else "KEY"
    hint = next((hint for sign, hint in _HINTS if sign.lower() in text.lower()), "`ssh-add -l` lists the agent's keys")
    return CdconfError(
        f"couldn't sign with {own.shown}: {text or 'ssh-keygen said nothing'}", hint=hint.format(key=key)
    )
