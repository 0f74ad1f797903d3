"""Values that many rooms know, and what's asked of objects."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # novm
    import re
    from typing import IO, Any, Protocol, TypedDict

    # A resource's or handler's fields: which there are, and their types, its `spec.py` says.
    Fields = dict[str, Any]

    class Always(Protocol):
        """A pattern that matches everywhere, since nothing matches it, too."""

        def match(self, string: str, pos: int = 0) -> re.Match[str]: ...

    class Process(Protocol):
        """A `subprocess.Popen` with pipes for its output."""

        pid: int
        stdin: IO[bytes] | None
        stdout: IO[bytes]
        stderr: IO[bytes]
        returncode: int

        def poll(self) -> int | None: ...
        def wait(self, timeout: float | None = None) -> int: ...

    class Format(Protocol):
        """A module that changes one value of a text."""

        MISSING: object

        def get(self, text: str, path: list[str]) -> object: ...
        def put(self, text: str, path: list[str], value: object) -> str: ...
        def remove(self, text: str, path: list[str]) -> str: ...

    class Details(TypedDict, total=False):
        """What an error tells the controller beside its message; see `cdconf.session.answers.ErrorDetails`."""

        hint: str | None
        owner: str | None
        timed_out: bool
        within: float
        asked_by: str
        file: str
