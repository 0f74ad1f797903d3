"""Rounds of races between the members, and what of their work was lost in them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

KEEP = 4


@dataclass
class Lost:
    """What was counted, and what was missing."""

    rounds: int = 0
    signatures: int = 0
    artifacts: int = 0
    removed: int = 0
    runs: int = 0
    deployments: int = 0
    missing: list[str] = field(default_factory=list)

    def __str__(self):
        counts = (
            f"{self.rounds} rounds: {self.signatures} signatures, {self.artifacts} artifacts ({self.removed} removed)"
        )
        counts += f", {self.runs} runs, {self.deployments} deployments and rollbacks"
        return "\n".join([f"{counts}; missing or wrong: {len(self.missing)}", *self.missing])


class Race:
    """Rounds with one store.

    Args:
        world: The team's.
        lost: Counts.
    """

    def __init__(self, world, lost):
        self.world = world
        self.lost = lost
        self.built = {}  # label -> the members that signed it
        self.gone = set()

    def _all(self, job):
        """Does a job as every member at once."""
        with ThreadPoolExecutor(len(self.world.members)) as pool:
            return list(pool.map(job, self.world.members))

    def round(self, number):
        """One race: everybody commits and builds, signs all that was built, deploys, rolls back, collects garbage."""
        self.lost.rounds += 1
        for one in self.world.members:
            one.commit(f"round {number}")
        labels = self._all(self._build)
        self._all(lambda one: self._sign(one, labels))
        self._count_signatures(labels)
        if number == 0:  # else whoever rolls back first has nothing to go back to
            self._deploy(self.world.members[-1])
        turns = [self._deploy, self._deploy_and_roll_back, self._collect_twice]
        turns = turns[number % 3 :] + turns[: number % 3]
        jobs = dict(zip((one.name for one in self.world.members), turns, strict=True))
        self._all(lambda one: jobs[one.name](one))
        self._compare(number)

    def _build(self, one):
        (made,) = one.document("build", "app")["artifacts"]
        label = f"app@{made['version']}"
        assert made["built_now"]
        one.runs += 1
        self.built[label] = {one.name}
        return label

    def _count_signatures(self, labels, *, again=False):
        """Everybody who was told that an artifact is signed has signed it."""
        for label in labels:
            envelope = self.world.members[0].document("artifact", "show", label)["envelope"]
            signed = {signature["keyid"] for signature in envelope["signatures"]}
            self.lost.signatures += 0 if again else len(self.built[label])
            lacking = [name for name in sorted(self.built[label]) if self.world.keys[name] not in signed]
            self.lost.missing += [f"{label} lacks {name}'s signature" for name in lacking]

    def _sign(self, one, labels):
        for label in labels:
            one("artifact", "sign", label)
            one.runs += 1
            self.built[label].add(one.name)

    def _deploy(self, one):
        one.until_free("deploy", "app", "--to", "production")

    def _deploy_and_roll_back(self, one):
        one.until_free("deploy", "app", "--to", "production")
        one.until_free("rollback", "production", "app")

    def _collect(self, one):
        done = one.document("artifact", "gc", "--keep", str(KEEP))
        one.runs += 1
        self.gone |= set(done["removed"])

    def _collect_twice(self, one):
        """Beside the pushing of the others, and later."""
        self._collect(one)
        self._collect(one)

    def _compare(self, number):
        """What everybody is told against what the hosts run."""
        current = self.world.current()
        if len(current) != 1:
            self.lost.missing.append(f"round {number}: the hosts run different releases: {current}")
        for one in self.world.members:
            said = one.document("environments")["environments"]["production"]["runs"]["app"]["version"]
            if {said} != current:
                self.lost.missing.append(f"round {number}: {one.name} is told {said}, and the hosts run {current}")

    def end(self):
        """Counts what is left of everything, after all have collected garbage at once."""
        self._all(self._collect)
        lost = self.lost
        lost.artifacts += len(self.built)
        lost.removed += len(self.gone)
        for one in self.world.members:
            there = {f"app@{found['version']}" for found in one.document("artifact", "list")["artifacts"]}
            wanted = self.built.keys() - self.gone
            lost.missing += [f"{one.name} misses artifact {label}" for label in sorted(wanted - there)]
            lost.missing += [f"{one.name} sees {label}, which was removed" for label in sorted(there - wanted)]
        first = self.world.members[0]
        for label in sorted(self.built.keys() - self.gone):
            verified = first.try_("artifact", "verify", label)
            if verified.returncode:
                lost.missing.append(verified.shown)
        self._count_signatures(sorted(self.built.keys() - self.gone), again=True)


def count_runs(world, lost):
    """Every run is in everybody's history, in the order in which the hosts had them."""
    past = world.past()
    for one in world.members:
        rows = one.document("history", "--limit", "100000")["runs"]
        for other in world.members:
            checkout = (other.root / ".cdconf/checkout").read_text().strip()
            found = sum(row.get("checkout") == checkout for row in rows)
            if found != other.runs:
                lost.missing.append(f"{one.name} sees {found} runs of {other.name}'s {other.runs}")
        known = {row["run"] for row in rows if row["run"]}
        told = [row["run"] for row in reversed(rows) if row["run"] in set(past)]
        wanted = [run for run in dict.fromkeys(past) if run in known]
        if told != wanted:
            lost.missing.append(f"{one.name} is told another order of runs than web1 had them in")
        lost.deployments = sum(row["command"] in ("deploy", "rollback") for row in rows)
    lost.runs = sum(one.runs for one in world.members)


def race(world, rounds, stores, say=lambda text: None):
    """Rounds with each store; what was lost in them."""
    lost = Lost()
    number = 0
    for kind in stores:
        if number:
            world.use(kind)
        one = Race(world, lost)
        for _ in range(rounds):
            one.round(number)
            number += 1
            say(f"{kind}: round {number}: {len(lost.missing)} missing or wrong so far")
        one.end()
    count_runs(world, lost)
    return lost
