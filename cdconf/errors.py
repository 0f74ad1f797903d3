"""The error classes. Every error that a user can cause or meet is a `CdconfError`; any other exception is a bug.

CdconfError                 1   failed
├── UsageError              1   bad arguments, a pattern that matches nothing
├── InvalidFile             1   a project file that breaks a rule (file and line)
│   └── TemplateError       1   an expression or template that can't be rendered
├── SecretError             1   a secret is missing, can't be read, or would be exposed
├── ProviderError           1   Docker, Vagrant: hosts can't be made
├── ArtifactError           1   an artifact is missing, ambiguous, or isn't what its digest says
│   └── BuildFailed         1   the commit's own build went wrong
├── HostFailed              1   something failed on a host
│   ├── HostsFailed         1   what failed on hosts, summed up once it's all said
│   └── DeployFailed        1   a deployment failed; `verdict` tells whether the artifact is to blame
├── CommandFailed           1   a stage's own command is red
├── Unreachable             4   a host doesn't answer
├── GateClosed              3   refused by a rule: promotion, approval, stopped line
│   ├── LeaseHeld           3   another run works on the host
│   ├── PlanMoved           3   the files or the hosts aren't what the saved plan was made of
│   └── Pinned              3   the artifact failed here before
└── Interrupted           130   Ctrl-C
    └── Terminated        143   SIGTERM
"""

from __future__ import annotations

import difflib
import errno
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OK, FAILED, DIFFERENT, GATED, UNREACHABLE = 0, 1, 2, 3, 4


def first_line(text: str) -> str:
    """The first line of what somebody else has said, which may be nothing at all."""
    return (text.splitlines() or [""])[0]


_LONGEST = 500  # characters of a message about a file
_END = 150  # of them, those that say what's wrong with what's quoted


class CdconfError(Exception):
    """An error that a user can understand and act on.

    Args:
        message: What happened, in one line that names the object it happened to.
        file: The project file with the mistake, relative to the project's root.
        line: The line in `file`, from 1.
        hint: What to do about it, in one line.
        host: The host that it happened on.
        detail: Output worth showing below the message (the end of a log), possibly of many lines.
    """

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = FAILED

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        hint: str | None = None,
        host: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(self._worded(message))
        self._whole = (message, hint or "")
        self.message = self._worded(message)
        self.file = file
        self.line = line or None
        self.hint = hint if hint is None else self._worded(hint)
        self.host = host
        self.detail = detail

    @staticmethod
    def _worded(text: str) -> str:
        """A message or a hint as it's kept."""
        return text

    def retell(self, change: Callable[[str], str]) -> None:
        """Changes message and hint as they were before they were cut: of half a secret nobody knows that it is one.

        Args:
            change: Gives the text in place of another one, such as a mask.
        """
        message, hint = self._whole
        message = message if self._worded(message) == self.message else self.message
        self._whole = (change(message), change(hint))
        self.message = self._worded(self._whole[0])
        self.args = (self.message,)
        if self.hint is not None:
            self.hint = self._worded(self._whole[1] if self._worded(hint) == self.hint else change(self.hint))

    @property
    def place(self) -> str:
        """`file:line: `, `file: `, or nothing; a message follows."""
        return f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""

    def __str__(self) -> str:
        host = f"{self.host}: " if self.host else ""
        return f"{self.place}{host}{self.message}"

    def as_dict(self) -> dict[str, object]:
        """The `error` object of the JSON output."""
        return {
            "kind": self.kind,
            "message": f"{self.host}: {self.message}" if self.host else self.message,
            "file": self.file,
            "line": self.line,
            "hint": self.hint,
        }


class UsageError(CdconfError):
    """The command line has a wrong argument, or names something that doesn't exist."""

    kind = "usage"


class InvalidFile(CdconfError):
    """A project file breaks a rule.

    The message quotes text from the file. So it is shortened, and kept on one line.
    """

    kind = "invalid_file"

    @staticmethod
    def _worded(text: str) -> str:
        return _on_one_line(text)


class TemplateError(InvalidFile):
    """An expression or a template can't be rendered."""

    kind = "template"


class SecretError(CdconfError):
    """A secret is missing, can't be decrypted, or would be exposed."""

    kind = "secret"


class ProviderError(CdconfError):
    """A provider (Docker, Vagrant) can't make, find or remove hosts."""

    kind = "provider"


class ArtifactError(CdconfError):
    """An artifact is missing, ambiguous, unsafe, or isn't what its digest says."""

    kind = "artifact"


class BuildFailed(ArtifactError):
    """The build's own command line failed, or left no single artifact."""

    kind = "build_failed"


class HostFailed(CdconfError):
    """Something failed on a host."""

    kind = "host_failed"


class NotStarted(HostFailed):
    """The agent can't be started on a host. The reason comes from the host itself, so it affects only this host."""


class HostsFailed(HostFailed):
    """Several hosts failed. The message is the first failure that the run's events reported, in one line."""

    kind = "hosts_failed"


class DeployFailed(HostFailed):
    """A deployment failed and was rolled back.

    Args:
        message: See `CdconfError`.
        verdict: True when the release itself failed (health, smoke, migration), so that it is pinned;
            False for an interruption (unreachable host, full disk, lost lease).
        keywords: See `CdconfError`.
    """

    kind = "deploy_failed"

    def __init__(self, message: str, *, verdict: bool, **keywords: object) -> None:
        super().__init__(message, **keywords)  # type: ignore[arg-type]
        self.verdict = verdict


class CommandFailed(CdconfError):
    """The command of a pipeline stage failed: it ended with a status other than 0, or exceeded its time limit."""

    kind = "command_failed"


class Unreachable(CdconfError):
    """A host doesn't answer."""

    kind = "unreachable"
    exit_code = UNREACHABLE


class NotMade(Unreachable):
    """A host that its provider hasn't made yet."""


class GateClosed(CdconfError):
    """A rule refuses the run: a gate, a stop, or a lease of another run."""

    kind = "gate"
    exit_code = GATED


class LeaseHeld(GateClosed):
    """Another run has the lease of a host. `by_host`: the host itself has it, to roll back after a dead run."""

    kind = "lease_held"
    by_host = False


class PlanMoved(GateClosed):
    """A saved plan isn't applied, because files or hosts have changed since it was made."""

    kind = "plan_moved"


class OlderFiles(GateClosed):
    """Hosts were provisioned from files that this checkout lacks."""

    kind = "older_files"


class Pinned(GateClosed):
    """The artifact failed here before."""

    kind = "pinned"


class Interrupted(CdconfError):
    """Ctrl-C ended the run."""

    kind = "interrupted"
    exit_code = 130


class NoEnvironment(UsageError):
    """The project has no environment of this name.

    Attributes:
        name: The unknown name.
    """

    def __init__(self, name: str, hint: str | None = None) -> None:
        super().__init__(f"there is no environment '{name}'", hint=hint)
        self.name = name


class Terminated(Interrupted):
    """SIGTERM ended the run."""

    exit_code = 143


class TerminateSignal(KeyboardInterrupt):
    """SIGTERM arrived: it ends a run in the same order as Ctrl-C."""


def interruption(signal: BaseException, message: str = "interrupted") -> Interrupted:
    """The error that a signal stands for."""
    return (Terminated if isinstance(signal, TerminateSignal) else Interrupted)(message)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the known word most similar to `word`, or None if no known word is similar."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    if not near:
        return None
    # Of words that are equally near, the one with the same letters: people swap letters more than they change them.
    best = max(near, key=lambda one: (difflib.SequenceMatcher(None, one, word).ratio(), sorted(one) == sorted(word)))
    return f"did you mean '{best}'?"


def nearest_or_all(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the most similar known name, or all known names."""
    names = list(known)
    return did_you_mean(word, names) or f"there are: {', '.join(names) or 'none'}"


def worst_exit(codes: Iterable[int]) -> int:
    """The exit code of a run, if several apply: signals come first, then 1, 4, 3, 2, 0."""
    present = set(codes)
    for code in (130, 143, FAILED, UNREACHABLE, GATED, DIFFERENT):
        if code in present:
            return code
    return OK


def _on_one_line(text: str) -> str:
    r"""A text in which what can't be printed is `\n` or the like, without the midst of what's too long."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - _END]}…{text[-_END:]}"
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_OF_THE_MACHINE = (*_UNWRITABLE, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM)


def refused_by_machine(error: BaseException) -> CdconfError | None:
    """The message for an error of this machine, such as a full disk; None if the exception may be a bug."""
    if not isinstance(error, OSError) or error.errno not in _OF_THE_MACHINE:
        return None
    what = "what this run has to write can't be written" if error.errno in _UNWRITABLE else "this machine refuses"
    where = f": {error.filename}" if isinstance(error.filename, str) else ""
    return CdconfError(f"{what}{where}: {error.strerror}")
