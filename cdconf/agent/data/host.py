"""What the host's own files and programs tell."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # novm
    from typing import TypedDict

    class LocalAccount(TypedDict):
        """A local user, as passwd(5) has it."""

        uid: int
        gid: int
        comment: str
        home: str
        shell: str

    class NewAccount(TypedDict, total=False):
        """What changes of a local user."""

        uid: int
        gid: int
        comment: str
        home: str
        shell: str

    class RemovedAccount(LocalAccount):
        """A user that is removed."""

        name: str

    class Password(TypedDict):
        """What shadow(5) says of a user; see `cdconf.agent.system.accounts.password`."""

        password: str
        hash: str
        locked: bool
        expires: str

    # An entry of fstab(5). `pass` is a word of Python.
    FstabEntry = TypedDict(
        "FstabEntry", {"device": str, "path": str, "type": str, "options": str, "dump": int, "pass": int}
    )

    class Mounted(TypedDict):
        """What's mounted somewhere."""

        source: str
        type: str
        root: str
        options: set[str]

    class ServiceState(TypedDict):
        """What OpenRC says of a service."""

        enabled: bool
        running: bool

    class Ran(TypedDict):
        """What a command of a person or a smoke test has returned; the same as `cdconf.session.answers.RunAnswer`."""

        status: int
        stdout: bytes
        stderr: bytes

    class Address(TypedDict):
        """An address of an interface."""

        address: str
        prefix: int
        scope: str

    class WayOut(TypedDict):
        """How a host reaches the world with one version of IP; all None where it doesn't."""

        address: str | None
        prefix: int | None
        interface: str | None
        gateway: str | None

    class Interface(TypedDict):
        """A network interface."""

        name: str
        mac: str | None
        mtu: int | None
        up: bool
        ipv4: list[Address]
        ipv6: list[Address]
