"""Which strikes a sweep makes, in which order, and what is left of them."""

from dataclasses import dataclass

RUNS = ("deploy", "provision")
# What strikes, whom, and for how long: in times of `confirm_within`, one after the other; None: until the run has
# ended. `kill` ends the controller, or cdconf's agent on a host, by SIGKILL; `stop` is a failure of power.
STRIKES = {
    "kill": (("controller", "web", "lb"), (None,)),
    "cut": (("web", "lb"), (None,)),
    "stop": (("web", "lb"), (None,)),
    "pause": (("web", "lb"), (1.4, 2.6)),
    "freeze": (("controller",), (1.4, 3.6)),
    "hangup": (("controller",), (None,)),
    "pipe": (("controller",), (None,)),
}


@dataclass(frozen=True)
class Kind:
    """A run, what strikes it, and whom: the controller, a web host, or the load balancer."""

    run: str
    strike: str
    victim: str

    def __str__(self):
        return f"{self.run}-{self.strike}-{self.victim}"


KINDS = {
    str(kind): kind
    for kind in (
        Kind(run, strike, victim) for strike, (victims, _) in STRIKES.items() for victim in victims for run in RUNS
    )
}


@dataclass(frozen=True)
class Strike:
    """One strike.

    Args:
        kind: A name of `KINDS`.
        number: Which one of its kind, from 0.
        of: How many of its kind are spread over a run.
    """

    kind: str
    number: int
    of: int

    @property
    def fraction(self):
        """When it strikes: the part of a run that is over. Kinds that are made as often differ in it."""
        shift = 0.1 + 0.8 * ((_reversed_bits(list(KINDS).index(self.kind)) + 0.5) % 1.0)
        return (self.number + shift) / self.of

    @property
    def about(self):
        """The `Kind`."""
        return KINDS[self.kind]

    def lasts(self, within):
        """Seconds until what struck is over; None: it lasts until the run has ended."""
        times = STRIKES[self.about.strike][1]
        factor = times[self.number % len(times)]
        return None if factor is None else factor * within

    def __str__(self):
        return f"{self.kind} {self.number + 1}/{self.of}"


def strikes(wanted):
    """All strikes, in an order of which every beginning is spread evenly too, over kinds and moments.

    Args:
        wanted: Kind's name -> how many.
    """
    every = [
        ((place + 0.5) / wanted[kind], order, Strike(kind, number, wanted[kind]))
        for order, kind in enumerate(KINDS)
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
        wanted: Kind's name -> how many.
        rounds: Records of rounds, see `report`.
    """
    made = {(one["kind"], one["number"], one["of"]) for one in rounds}
    return [one for one in strikes(wanted) if (one.kind, one.number, one.of) not in made]
