"""The rollout as a state machine without I/O: steps out, outcomes in.

    stage -> stop -> expand -> (room -> drain -> activate -> health -> smoke -> undrain) per batch, soak between
        batches -> prepare -> confirm -> done; drain and undrain when the app drains
    adopt -> health -> smoke -> undrain -> prepare -> confirm -> done, when an interrupted one is taken up again
    stop, on all hosts, where services must not see the migration: from there on all hosts must go back
    any failure or interruption before confirm: (undrain what's as it was -> drain_back -> roll_back) per touched batch,
        the newest first -> undrain what may still be drained, but for hosts that couldn't be rolled back -> done;
        drain_back, which no failure stops, for those that were put back into use before, when others serve meanwhile

The runner does what `step` says and tells `advance` what came of it. From `confirm` on there's no way back: the
decision is made; `prepare` asks every touched host just before whether it still holds the release. A host that doesn't
hear of the decision goes back by itself, and the deployment can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

GRACE = 5.0  # seconds at most that a host which has gone back gets to come up before it's put back into use
OUT_OF_USE = "it may still run what it was given"
ABANDONED = "the run was interrupted once more"
Kind = Literal[
    "stage",
    "stop",
    "expand",
    "room",
    "drain",
    "activate",
    "adopt",
    "health",
    "smoke",
    "undrain",
    "soak",
    "prepare",
    "confirm",
    "drain_back",
    "roll_back",
    "done",
]


@dataclass(frozen=True)
class RolloutStep:
    """What to do next, on which hosts, in this order. `batch` counts from 1; 0 outside of batches."""

    kind: Kind
    hosts: tuple[str, ...] = ()
    batch: int = 0


@dataclass(frozen=True)
class Failure:
    """Why a step failed on a host.

    Args:
        message: What happened.
        verdict: The release is to blame, so that it must not be tried again.
        unreachable: The host fell silent.
    """

    message: str
    verdict: bool
    unreachable: bool = False


def split(hosts: Sequence[str], sizes: Sequence[str], most: int | None = None) -> list[tuple[str, ...]]:
    """Cuts hosts into batches.

    Args:
        hosts: In order.
        sizes: How many hosts are done after each batch, counted from the first: `1`, `50%` (rounded up), `all`.
            Hosts that the last size leaves are one more batch.
        most: No batch is larger; what is, is cut.
    """
    batches = []
    done = 0
    for size in (*sizes, "all"):
        if size == "all":
            goal = len(hosts)
        elif size.endswith("%"):
            goal = -(-len(hosts) * int(size[:-1]) // 100)
        else:
            goal = int(size)
        goal = min(max(goal, 0), len(hosts))
        while goal > done:
            end = goal if most is None else min(goal, done + most)
            batches.append(tuple(hosts[done:end]))
            done = end
    return batches


def stagger(batches: Sequence[Sequence[str]], confirm_within: float) -> dict[str, float]:
    """How long each host waits for a beat before it goes back by itself: seconds, the newest host's first.

    They are spread over a second `confirm_within`, so that hosts which a controller leaves at the same moment don't
    all restart at once. Half of that time lies between batches: a load balancer needs some to put a drained one back
    before the next stops.
    """
    count = sum(len(batch) for batch in batches)
    waits = {}
    wait = confirm_within
    for batch in reversed(batches):
        for host in reversed(batch):
            waits[host] = wait
            wait += confirm_within / 2 / count
        wait += confirm_within / 2 / len(batches)
    return waits


def put_back_after(batch: Sequence[str], waits: Mapping[str, float], confirm_within: float) -> float:
    """How long a load balancer waits for a beat before it puts a drained batch back by itself.

    That's when the whole batch has gone back, and before the next older host stops to do so: with the batch still out
    of use, that might be the last one that serves. The oldest batch, which keeps nobody waiting, gets all the time.

    Args:
        batch: The drained hosts.
        waits: See `stagger`.
        confirm_within: In seconds.
    """
    last = max(waits[host] for host in batch)
    following = min((wait for wait in waits.values() if wait > last), default=None)
    return 2 * confirm_within + GRACE if following is None else last + min(GRACE, (following - last) / 2)


class Rollout:
    """One deployment's course.

    Args:
        batches: The hosts, batch by batch; they also go back so.
        stage: Whether the release must be staged first.
        expand: Whether there's an expand migration.
        stops: Whether services are stopped before it, on all hosts.
        adopt: The hosts run the release already, and their deployment was interrupted: take that up.
        drains: Whether hosts are drained before they're activated.
        drained: Hosts that an earlier run has left drained.

    Attributes:
        batches: How many there are.
        touched: Hosts on which activation was attempted, in order.
        failures: What failed first, by host.
        stuck: Hosts whose rollback failed.
        undelivered: Hosts that the confirmation didn't reach.
        drained: Hosts that may be drained now, in order.
        left_drained: Those that couldn't be put back in the end.
        unknown: Those that are stuck and can't be asked what became of them.
        unasked: A host that drains can't be asked in the end what is still drained.
    """

    def __init__(
        self,
        batches: Sequence[Sequence[str]],
        *,
        stage: bool = True,
        expand: bool = False,
        stops: bool = False,
        adopt: bool = False,
        drains: bool = False,
        drained: Sequence[str] = (),
    ) -> None:
        self._hosts = tuple(host for batch in batches for host in batch)
        self._given = [tuple(batch) for batch in batches]
        self._batches = [self._hosts] if adopt else self._given
        self._expand = expand
        self._stops = stops
        self._stopped: tuple[str, ...] = ()  # hosts on which services may be stopped, though nothing was activated
        self._drains = drains
        self._batch = 0
        self._is_over = False
        self._changed: set[str] = set()  # hosts that must still go back
        self._left_out: set[str] = set()  # hosts that couldn't be put back into use on the way back
        self.touched: list[str] = []
        self.drained: list[str] = list(drained)
        self.failures: dict[str, Failure] = {}
        self.stuck: dict[str, Failure] = {}
        self.undelivered: dict[str, Failure] = {}
        self.left_drained: dict[str, Failure] = {}
        self.unknown: set[str] = set()
        self.unasked = False
        self.step = RolloutStep("done")
        self.batches = len(self._batches)
        if self._hosts and adopt:
            self.step = self._touch("adopt")
        elif self._hosts:
            self.step = RolloutStep("stage", self._hosts) if stage else self._after_stage()

    @property
    def succeeded(self) -> bool:
        """Whether every host was confirmed, or the decision to confirm was made."""
        return self.step.kind == "done" and not self.failures

    @property
    def is_verdict(self) -> bool:
        """Whether the release itself failed."""
        return any(failure.verdict for failure in self.failures.values())

    @property
    def is_unreachable(self) -> bool:
        """Whether nothing went wrong but that hosts fell silent."""
        wrong = [*self.failures.values(), *self.stuck.values(), *self.left_drained.values()]
        return bool(wrong) and all(failure.unreachable for failure in wrong)

    def _after_stage(self) -> RolloutStep:
        if self._stops and self._expand:
            self._stopped = self._hosts
            return RolloutStep("stop", self._hosts)
        return self._after_stop()

    def _after_stop(self) -> RolloutStep:
        return RolloutStep("expand", self._hosts[:1]) if self._expand else self._begin()

    def _begin(self) -> RolloutStep:
        """The first step of the next batch."""
        return RolloutStep("room", self._batches[self._batch], self._batch + 1)

    def _drain(self) -> RolloutStep:
        if not self._drains:
            return self._touch("activate")
        batch = self._batches[self._batch]
        self.drained += [host for host in batch if host not in self.drained]
        return RolloutStep("drain", batch, self._batch + 1)

    def _touch(self, kind: Kind) -> RolloutStep:
        batch = self._batches[self._batch]
        self.touched += batch
        return RolloutStep(kind, batch, self._batch + 1)

    def advance(self, failures: Mapping[str, Failure] | None = None) -> RolloutStep:
        """Takes the outcome of `step`: the hosts on which it failed, none for success; returns the next step."""
        failed = dict(failures or {})
        kind = self.step.kind
        if kind == "done":
            raise ValueError("the rollout is over")
        if kind == "drain_back":
            self.step = self._go_back()  # also when it failed: the release mustn't stay
        elif kind == "roll_back":
            self.stuck |= failed
            self._changed -= set(self.step.hosts)
            self.step = self._go_back()
        elif kind == "undrain" and self._is_over:
            self._put_back(failed)
            self._left_out |= set(failed)
            if self._changed:
                self.step = self._go_back()
            else:
                self.left_drained = failed | self._out_of_use()
                self.step = RolloutStep("done")
        elif kind == "confirm":
            self.undelivered = failed
            self.step = RolloutStep("done")
        elif failed:
            if kind == "undrain":
                self._put_back(failed)
            self.failures = failed
            self.step = self._back()
        else:
            self.step = self._forward(kind)
        return self.step

    def _put_back(self, failed: Collection[str]) -> None:
        """Hosts of the step that are in use again: they must be drained before they're rolled back."""
        self.drained = [host for host in self.drained if host in failed or host not in self.step.hosts]

    def interrupt(self, message: str) -> RolloutStep:
        """Ctrl-C, or the controller's own failure; after the decision to confirm it comes too late."""
        if self.step.kind not in ("confirm", "done") and not self._is_over:
            self.failures = {"": Failure(message, verdict=False)}
            self.step = self._back()
        return self.step

    def abandon(self, back: Collection[str]) -> None:
        """Ends the way back here and now: whoever isn't among `back`, and should be, is stuck."""
        left = [host for host in self.touched if host in self._changed and host not in back]
        self.stuck |= {host: Failure(ABANDONED, verdict=False) for host in left}

    def is_back(self, host: str, *, touched: bool) -> None:
        """A host that was stuck says that it's where it was: it went back by itself, or nothing was done to it."""
        del self.stuck[host]
        if not touched:
            self.touched.remove(host)

    def is_in_use(self, hosts: Collection[str]) -> None:
        """Hosts that couldn't be put back into use are so by now."""
        self.left_drained = {name: why for name, why in self.left_drained.items() if name not in hosts}
        self.drained = [name for name in self.drained if name not in hosts]

    def _back(self) -> RolloutStep:
        self._is_over = True
        self.touched += [host for host in self._stopped if host not in self.touched]
        self._changed = set(self.touched)
        return self._go_back()

    def _go_back(self) -> RolloutStep:
        """What's next on the way back: a batch serves before the next one stops, so the app isn't gone as a whole."""
        waiting = [tuple(host for host in batch if host in self._changed) for batch in self._given]
        number = max((number for number, hosts in enumerate(waiting, 1) if hosts), default=0)
        if not number:
            return self._last_undrain()
        idle = tuple(host for host in self.drained if host not in (*self._changed, *self.stuck, *self._left_out))
        if idle:
            return RolloutStep("undrain", idle)
        batch = tuple(reversed(waiting[number - 1]))
        in_use = tuple(host for host in batch if host not in self.drained)
        others = [host for host in self._hosts if host not in (*batch, *self.drained, *self.stuck)]
        if self._drains and in_use and others:
            self.drained += in_use
            return RolloutStep("drain_back", in_use, number)
        return RolloutStep("roll_back", batch, number)

    def _last_undrain(self) -> RolloutStep:
        """A host that couldn't be taken back stays out of use: until it goes back by itself, it may run the release."""
        names = tuple(host for host in self.drained if host not in self.stuck)
        if names:
            return RolloutStep("undrain", names)
        self.left_drained = self._out_of_use()
        return RolloutStep("done")

    def _out_of_use(self) -> dict[str, Failure]:
        stuck = {host: self.stuck[host] for host in self.drained if host in self.stuck}
        return {host: Failure(OUT_OF_USE, verdict=False, unreachable=why.unreachable) for host, why in stuck.items()}

    def _forward(self, kind: Kind) -> RolloutStep:
        step = self.step
        following: dict[Kind, Callable[[], RolloutStep]] = {
            "stage": self._after_stage,
            "stop": self._after_stop,
            "room": self._drain,
            "drain": lambda: self._touch("activate"),
            "activate": lambda: RolloutStep("health", step.hosts, step.batch),
            "adopt": lambda: RolloutStep("health", step.hosts, step.batch),
            "health": lambda: RolloutStep("smoke", step.hosts, step.batch),
            "smoke": lambda: self._undrain(step),
            "undrain": lambda: self._after_batch(step),
            "prepare": lambda: RolloutStep("confirm", self._hosts),
        }
        return following.get(kind, self._begin)()

    def _undrain(self, step: RolloutStep) -> RolloutStep:
        drained = any(host in self.drained for host in step.hosts)
        return RolloutStep("undrain", step.hosts, step.batch) if drained else self._after_batch(step)

    def _after_batch(self, step: RolloutStep) -> RolloutStep:
        self.drained = [host for host in self.drained if host not in step.hosts]
        self._batch += 1
        more = self._batch < len(self._batches)
        return RolloutStep("soak", tuple(self.touched), step.batch) if more else RolloutStep("prepare", self._hosts)
