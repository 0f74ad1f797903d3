"""What two hosts' catalogs are made of, as far as it differs: variables, facts, the inventory itself.

A catalog is a function of what its templates read. So a resource that differs must have read something that differs,
and is explained when all of that is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdconf.parity.entries import Entries
from cdconf.parity.model import ABSENT, ParityFinding, ParitySide, Portrait, Sealed, Setting, Status
from cdconf.parity.neutral_text import Neutral

# Facts that say what a host runs on; the others tell it from its like, or say how large it is.
PLATFORM = ("os", "architecture", "init", "package_manager", "python_version", "selinux", "timezone", "kernel")
# Facts that no two hosts share, whoever reads them.
OWN = ("hostname", "fqdn", "machine_id", "network")
# Facts that follow from the size which an inventory gives its hosts.
LARGE = ("memory_mb", "swap_mb", "cpu.count")
# Names of templates that say which environment and host it is.
NAMES = frozenset({"environment", "host", "hosts"})
_ORDER: dict[Status, int] = {"inherent": 0, "declared": 1, "unexplained": 2}


def worst(statuses: Collection[Status]) -> Status:
    """What several causes make of one difference."""
    return max(statuses, key=_ORDER.__getitem__)


@dataclass
class InputDifferences:
    """The differing inputs of two hosts in a group.

    Args:
        ours: A host of the one environment.
        theirs: Its counterpart.
        group: The group in which they're compared.
        entries: The declared differences.
        variables: The names of those that count there.
        scale: Group -> the finding about its number of hosts, where that differs.
        neutral: Takes names and addresses out of a value.
    """

    ours: Portrait
    theirs: Portrait
    group: str
    entries: Entries
    variables: frozenset[str] = frozenset()
    scale: Mapping[str, ParityFinding] = field(default_factory=dict)
    neutral: Neutral = field(default_factory=Neutral)

    def __post_init__(self) -> None:
        self._status: dict[str, Status] = {}
        self._why: dict[str, str] = {}
        self.facts = list(self._facts())
        self.os = self._os()
        self._builtins()
        self.settings = list(self._settings())

    @property
    def place(self) -> dict[str, Any]:
        """Where the two are, for `Entries`."""
        return {"group": self.group, "hosts": (self.ours.host, self.theirs.host)}

    def of(self, reads: Collection[str]) -> dict[str, Status]:
        """Those of some names that differ."""
        return {name: self._status[name] for name in sorted(reads) if name in self._status}

    def judge(self, causes: Mapping[str, Status], values: tuple[Any, Any]) -> Status:
        """What causes make of a difference between two values.

        Where nothing but names and addresses was read, the values must be the same without these: a template that asks
        which environment it's in makes more of the name than a name.
        """
        if not causes:
            return "unexplained"
        status = worst(list(causes.values()))
        sealed = any(isinstance(value, Sealed) for value in values)
        if status == "inherent" and not sealed and NAMES.issuperset(causes):
            mine, other = map(self.neutral, values)
            return "inherent" if mine == other else "unexplained"
        return status

    def why(self, names: Collection[str]) -> str | None:
        """The reasons of some causes, each once."""
        return "; ".join(dict.fromkeys(self._why[name] for name in names if name in self._why)) or None

    def finding(self, kind: Any, name: str, values: tuple[Any, Any], status: Status, **more: Any) -> ParityFinding:
        """A finding about the two hosts."""
        sources = more.pop("sources", (None, None))
        return ParityFinding(
            kind,
            name,
            self.group,
            ParitySide((self.ours.host,), values[0], sources[0]),
            ParitySide((self.theirs.host,), values[1], sources[1]),
            status,
            **more,
        )

    def _note(self, name: str, status: Status, why: str | None) -> None:
        """Several things may make one name differ (facts): the worst one counts."""
        self._status[name] = worst([status, self._status.get(name, status)])
        if why:
            self._why.setdefault(name, why)

    def _facts(self) -> Iterator[ParityFinding]:
        mine, other = self.ours.facts, self.theirs.facts
        read = self.ours.facts_read | self.theirs.facts_read
        if not mine or not other:
            return
        for path in sorted({*mine, *other}):
            values = (mine.get(path, ABSENT), other.get(path, ABSENT))
            root = path.partition(".")[0]
            if values[0] == values[1]:
                continue
            entry = self.entries.fact(path, **self.place)
            if entry is None and root == "os":
                entry = self.entries.one("os", [_os_of(mine), _os_of(other)], **self.place)
            status, why = ("declared", entry.why) if entry else self._fact(path, root in read)
            if root in read:
                self._note("facts", status, why)
            yield self.finding("fact", path, values, status, why=why, entry=entry, seen=True)

    def _fact(self, path: str, read: bool) -> tuple[Status, str | None]:
        """What's to be said of a fact that differs, when no entry declares it. `read`: a template reads it."""
        root = path.partition(".")[0]
        if path in LARGE and self.ours.size != self.theirs.size:
            sizes = (f"{portrait.size} in {portrait.environment}" for portrait in (self.ours, self.theirs))
            return "declared", f"size: {'; '.join(sizes)}"
        if root in OWN:
            return "inherent", "each host has its own"
        if root == "kernel" and any(
            portrait.facts.get("virtualisation.container") for portrait in (self.ours, self.theirs)
        ):
            return "inherent", "a container has its machine's kernel"
        if root not in PLATFORM and not read:
            return "inherent", "no template reads it"
        return "unexplained", None

    def _os(self) -> ParityFinding | None:
        values = (self.ours.os, self.theirs.os)
        if values[0] == values[1]:
            return None
        entry = self.entries.one("os", values, **self.place)
        status: Status = "declared" if entry else "unexplained"
        self._note("host", status, entry.why if entry else None)
        self._note("hosts", status, entry.why if entry else None)
        sources = (self.ours.source, self.theirs.source)
        shown = (values[0] or ABSENT, values[1] or ABSENT)
        why = entry.why if entry else None
        return self.finding("os", "os", shown, status, why=why, entry=entry, sources=sources)

    def _builtins(self) -> None:
        self._note("host", "inherent", "hosts have their own names and addresses")
        self._note("hosts", "inherent", "hosts have their own names and addresses")
        self._note("environment", "inherent", "environments have their own names and providers")
        for finding in self.scale.values():
            self._note("hosts", finding.status, finding.why or f"the number of hosts in {finding.group}")

    def _settings(self) -> Iterator[ParityFinding]:
        mine, other = self.ours.settings, self.theirs.settings
        names = sorted(self.variables & {*mine, *other})
        left = [name for name in names if not _same(mine.get(name), other.get(name))]
        derived = {name for name in left if _is_derived(mine.get(name), other.get(name))}
        for name in [one for one in left if one not in derived]:
            yield self._setting(name, mine.get(name), other.get(name))
        while derived:  # those first that follow from what is known by now
            ready = [name for name in sorted(derived) if not derived & _reads(mine, other, name) - {name}]
            for name in ready or sorted(derived):
                derived.discard(name)
                yield self._follow(name, mine[name], other[name])

    def _setting(self, name: str, mine: Setting | None, other: Setting | None) -> ParityFinding:
        known = [setting for setting in (mine, other) if setting is not None]
        entry = self.entries.one("variable", [name], **self.place)
        own = next((setting.per_environment for setting in known if setting.per_environment), None)
        status: Status = "unexplained"
        why = None
        if entry is not None:
            status, why = "declared", entry.why
        elif own is not None:
            status, why = "declared", f"per_environment at {own}"
        elif any(setting.secret for setting in known):
            status, why = "inherent", "environments have their own secrets"
        self._note(name, status, why)
        return self.finding(
            "variable", name, _values(mine, other), status, why=why, entry=entry, sources=_places(mine, other)
        )

    def _follow(self, name: str, mine: Setting, other: Setting) -> ParityFinding:
        """A variable whose text is the same: what it's made of differs."""
        causes = self.of((mine.reads | other.reads) - {name})
        entry = self.entries.one("variable", [name], **self.place)
        if entry is not None or not causes:
            return self._setting(name, mine, other)
        status = self.judge(causes, _values(mine, other))
        blamed = tuple(cause for cause in causes if causes[cause] == status) or tuple(causes)
        why = self.why(blamed) if status != "unexplained" else None
        self._note(name, status, why)
        sources = _places(mine, other)
        return self.finding("variable", name, _values(mine, other), status, why=why, causes=blamed, sources=sources)


def _reads(mine: Any, other: Any, name: str) -> frozenset[str]:
    return frozenset(mine[name].reads | other[name].reads)


def _same(mine: Setting | None, other: Setting | None) -> bool:
    return mine is not None and other is not None and mine.value == other.value


def _is_derived(mine: Setting | None, other: Setting | None) -> bool:
    return mine is not None and other is not None and mine.text is not None and mine.text == other.text


def _values(mine: Setting | None, other: Setting | None) -> tuple[Any, Any]:
    return (mine.value if mine else ABSENT, other.value if other else ABSENT)


def _places(mine: Setting | None, other: Setting | None) -> tuple[str | None, str | None]:
    return (mine.source if mine else None, other.source if other else None)


def _os_of(facts: Any) -> str:
    """`debian-12`, as inventories name systems."""
    return f"{facts.get('os.id')}-{facts.get('os.version')}"
