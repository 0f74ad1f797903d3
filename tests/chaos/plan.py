"""Which strikes a sweep makes, in which order, and what is left of them."""

from dataclasses import dataclass

KINDS = ("kill", "cut", "stop")


@dataclass(frozen=True)
class Strike:
    """One strike: SIGKILL of the controller (`kill`), a host's network cut (`cut`), its power gone (`stop`).

    Args:
        kind: What strikes.
        number: Which one of its kind, from 0.
        of: How many of its kind are spread over a deployment.
    """

    kind: str
    number: int
    of: int

    @property
    def fraction(self):
        """When it strikes: the part of a deployment that is over."""
        return (self.number + 0.5) / self.of

    def __str__(self):
        return f"{self.kind} {self.number + 1}/{self.of}"


def strikes(wanted):
    """All strikes, in an order of which every beginning is spread evenly too, over kinds and moments.

    Args:
        wanted: Kind -> how many.
    """
    every = [
        ((place + 0.5) / wanted[kind], KINDS.index(kind), Strike(kind, number, wanted[kind]))
        for kind in KINDS
        for place, number in enumerate(sorted(range(wanted.get(kind, 0)), key=_reversed_bits))
    ]
    return [strike for *_, strike in sorted(every, key=lambda one: one[:2])]


def _reversed_bits(number):
    """The van der Corput sequence: 0, 1/2, 1/4, 3/4, 1/8, …"""
    value, unit = 0.0, 0.5
    while number:
        value += unit * (number & 1)
        number >>= 1
        unit /= 2
    return value


def left(wanted, rounds):
    """The strikes that no round has made yet; those that ended in a breach aren't made again.

    Args:
        wanted: Kind -> how many.
        rounds: Records of rounds, see `report`.
    """
    made = {(one["kind"], one["number"], one["of"]) for one in rounds}
    return [one for one in strikes(wanted) if (one.kind, one.number, one.of) not in made]
