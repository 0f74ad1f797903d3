"""What a sweep has found: kept as JSON after every round, shown as lines and a table."""

import collections
import json
import threading
from pathlib import Path

from tests.chaos.plan import KINDS, left

SCHEMA = 2
KEPT = ("hosts", "within", "wanted")
_ENDS = ("old", "new", "between", "resumed", "over", "breach")
_COLUMNS = ("", "rounds", *_ENDS, "kept", "requests", "lost", "exit codes", "rest")


class Report:
    """The records of one sweep, also one that's made in several parts.

    A record is `{"kind", "number", "of", "host", "moment_s", "duration_s", "step", "ended", "quiet_s", "took_s",
    "requests", "lost", "lane", "code", "kept", "breach"}`: `step` is what the controller had said last; `ended` is
    `old`, `new`, `between` when hosts differ as a provision may leave them, `resumed`, or `over` when the run ended
    before every try to strike; `quiet_s` is how long after the strike's end no lease and no armed switch was left;
    `code` is the exit code, None of a run that was killed; `kept` is how many hosts were kept out of use then; `breach`
    is None, or what there is to look into.

    Args:
        file: Where it's kept; None for nowhere.
        hosts: Web hosts of a lane.
        within: Their `confirm_within`.
        wanted: Kind -> how many strikes.
    """

    def __init__(self, file, hosts, within, wanted):
        self.file = Path(file) if file else None
        self.hosts, self.within, self.wanted = hosts, within, dict(wanted)
        self.rounds = []
        self.breaches = []  # those that are no round's
        self.load = collections.Counter()
        self._lock = threading.Lock()

    @classmethod
    def read(cls, file):
        """One that's continued.

        Raises:
            ValueError: The file is no report.
        """
        try:
            document = json.loads(Path(file).read_text())
            one = cls(file, *(document[name] for name in KEPT))
            one.rounds, one.breaches = document["rounds"], document["breaches"]
            one.load = collections.Counter(document["load"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file} is no report of a sweep: {error!r}") from error
        if document["schema"] != SCHEMA:
            raise ValueError(f"{file} is of another version: {document['schema']}")
        return one

    def left(self):
        """The strikes that are still to be made."""
        return left(self.wanted, self.rounds)

    def add(self, record):
        """Notes a round's record."""
        with self._lock:
            self.rounds.append(record)
            self._write()

    def end_lane(self, counted, watch, breaches):
        """Notes what a lane's load has found by its end."""
        with self._lock:
            self.load["requests"] += counted.requests
            self.load["lost"] += len(counted.lost)
            self.load["stale connections"] += counted.stale
            self.load["looks at hosts"] += sum(watch.answers.values())
            self.load["looks without an answer"] += sum(watch.silent.values())
            self.breaches += breaches
            self._write()

    def is_clean(self):
        """Whether nothing was broken."""
        return not self.breaches and all(one["breach"] is None for one in self.rounds)

    def _write(self):
        if self.file is None:
            return
        document = {"schema": SCHEMA} | {name: getattr(self, name) for name in KEPT}
        document |= {"rounds": self.rounds, "breaches": self.breaches, "load": dict(self.load)}
        temporary = self.file.with_name(self.file.name + ".part")
        temporary.write_text(json.dumps(document, indent=1) + "\n")
        temporary.replace(self.file)

    def table(self):
        """The counts, for people."""
        rows = [_COLUMNS, *(_row(kind, self.rounds) for kind in KINDS if self.wanted.get(kind))]
        widths = [max(len(row[number]) for row in rows) for number in range(len(_COLUMNS))]
        lines = ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
        steps = collections.Counter(short(one["step"]) for one in self.rounds)
        lines.append(
            "struck after: " + ", ".join(f"{step or 'nothing'} {count}" for step, count in steps.most_common())
        )
        lines.append("load: " + ", ".join(f"{count} {what}" for what, count in self.load.items()))
        count = len(self.breaches) + sum(one["breach"] is not None for one in self.rounds)
        lines.append(f"breaches: {count}; rounds left: {len(self.left())}")
        lines += [f"  {text}" for text in self.breaches]
        lines += [f"  {name(one)}: {one['breach'].splitlines()[0]}" for one in self.rounds if one["breach"]]
        return "\n".join(lines)


def name(record):
    """A round, for people."""
    return f"{record['kind']} {record['number'] + 1}/{record['of']}"


def line(record):
    """A round's record as one line."""
    where = "" if record["host"] == "controller" else f" of {record['host']}"
    when = f"at {record['moment_s']:.2f} of {record['duration_s']:.2f} s ({record['step'] or 'nothing said yet'})"
    rest = "" if record["quiet_s"] is None else f", quiet after {record['quiet_s']:.1f} s"
    load = f"{record['requests']} requests, {record['lost']} lost"
    end = f"{record['ended']}, exit code {record['code']}, {record['kept']} kept{rest}"
    return f"lane {record['lane']}: {name(record)}{where} {when}: {end}; {load}"


def short(step):
    """A step without its batch's number and its hosts."""
    return step.partition(": ")[2].partition(":")[0] if step.startswith("batch") else step.partition(":")[0]


def _row(kind, rounds):
    mine = [one for one in rounds if one["kind"] == kind]
    ends = collections.Counter(one["ended"] for one in mine)
    codes = collections.Counter("-" if one["code"] is None else str(one["code"]) for one in mine)
    rest = max((one["quiet_s"] for one in mine if one["quiet_s"] is not None), default=0.0)
    numbers = [len(mine), *(ends[end] for end in _ENDS)]
    numbers += [sum(one[what] for one in mine) for what in ("kept", "requests", "lost")]
    shown = " ".join(f"{code}:{count}" for code, count in sorted(codes.items()))
    return (kind, *(str(number) for number in numbers), shown, f"<= {rest:.1f} s")
