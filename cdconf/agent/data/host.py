"""What the host's own files and programs tell."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # novm
    from typing import TypedDict

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
