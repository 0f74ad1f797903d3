"""Words that the terminal, the picture and the page have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cdconf.pipeline.value_stream.dora import DEFINITIONS, Dora, FailedDeployment
from cdconf.pipeline.value_stream.figures import FEWEST, Bottleneck, Figures
from cdconf.pipeline.value_stream.model import Kind
from cdconf.pipeline.value_stream.stream import Stream

BEFORE = "before the pipeline"
KIND_NAMES: Mapping[Kind, str] = {"work": "work", "queue": "queue", "people": "waiting for people"}
_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))
NAMES: Mapping[str, str] = {
    "change_lead_time": "change lead time",
    "deployment_frequency": "deployment frequency",
    "failed_deployment_recovery_time": "failed deployment recovery time",
    "change_fail_rate": "change fail rate",
    "deployment_rework_rate": "deployment rework rate",
}


@dataclass(frozen=True)
class Shown:
    """An app's stream and its metrics, with all that's said of them.

    Attributes:
        environment: Where it leads to.
        now: When it was looked at, in seconds since 1970.
    """

    stream: Stream
    dora: Dora
    environment: str
    now: float


def length(seconds: float) -> str:
    """A length of time in two units at most: `2 h 31 min`, `5 min`, `4.2 s`."""
    for size, unit, small, below in _UNITS:
        if round(seconds) >= size:
            whole, rest = divmod(round(seconds / small), size // small)
            return f"{whole} {unit} {rest} {below}" if rest else f"{whole} {unit}"
    return f"{seconds:.1f} s" if 0 < seconds < 9.95 else f"{seconds:.0f} s"


def short(seconds: float) -> str:
    """The same in six characters at most: `2h31m`, `18h20m`, `5m`, `4s`, `56d`."""
    for size, unit, small, below in _UNITS:
        if round(seconds) >= size:
            whole, rest = divmod(round(seconds / small), size // small)
            return f"{whole}{unit[0]}{rest}{below[0]}" if rest and whole < 100 else f"{whole}{unit[0]}"
    return f"{seconds:.1f}s" if 0 < seconds < 9.95 else f"{seconds:.0f}s"


def figures(of: Figures) -> str:
    """`p50 5 min, p85 15 min (n=20)`."""
    if of.p50 is None or of.p85 is None:
        return f"no statistics of fewer than {FEWEST} (n={of.n})"
    return f"p50 {length(of.p50)}, p85 {length(of.p85)} (n={of.n})"


def percent(share: float) -> str:
    """`12 %`; `0.4 %` where it would be 0."""
    return f"{share * 100:.1f} %" if 0 < share < 0.0095 else f"{share * 100:.0f} %"


def stage(name: str | None) -> str:
    """A stage's name."""
    return BEFORE if name is None else name


def date(seconds: float) -> str:
    """A moment, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def counted(number: int, what: str, many: str | None = None) -> str:
    """`1 release`, `3 releases`."""
    return f"{number} {what if number == 1 else many or f'{what}s'}"


def bottleneck(found: Bottleneck | None) -> str | None:
    """`waiting for people in acceptance, 29 % of all time`."""
    if found is None:
        return None
    return f"{KIND_NAMES[found.kind]} in '{stage(found.stage)}', {percent(found.share)} of all time"


def head(shown: Shown) -> str:
    """What the figures are about."""
    found = shown.stream
    changes = sum(len(release.counted) for release in found.releases)
    releases = counted(len(found.releases), "release")
    return f"{releases} with {counted(changes, 'change')}, {date(found.since)} to {date(shown.now)} UTC"


def summary(shown: Shown) -> Iterator[str]:
    """What all changes together say, a sentence each."""
    found, whole = shown.stream, shown.stream.whole
    if not found.releases:
        yield f"Nothing new was deployed to {shown.environment} in this time."
        return
    yield f"From commit to {shown.environment}: {figures(whole.lead)}"
    if whole.idle is not None:
        yield f"Nothing happened to them in {percent(whole.idle)} of the time."
    if whole.stopped:
        yield f"They were stopped for {length(whole.stopped)} of it, added up."
    if whole.bottleneck is not None:
        yield f"Bottleneck: {bottleneck(whole.bottleneck)}"


def notes(shown: Shown) -> Iterator[str]:
    """What isn't known, or isn't counted."""
    found = shown.stream
    for reason, words in (
        ("merge", "{} left out: merges bring nothing of their own"),
        ("reverted", "{} left out: they were reverted before they were deployed"),
    ):
        number = sum(change.left_out == reason for release in found.releases for change in release.changes)
        if number:
            yield words.format(counted(number, "commit"))
    if found.clocks:
        number = len(found.clocks)
        yield (
            f"{counted(number, 'commit')} with a wrong clock: its time is after what was done to it, or before what "
            + ("it follows; the nearest time that can be is counted")
        )
    rewritten = sum(
        stream_change.commit.at - stream_change.commit.authored_at > 60
        for rel in found.releases
        for stream_change in rel.counted
    )
    if rewritten:
        yield f"{counted(rewritten, 'commit')} written earlier than committed (rebased, amended): the commit counts"
    for release in found.releases:
        if release.unknown:
            yield f"{release.deployment.label}: {release.unknown}"


def metrics(shown: Shown) -> Iterator[tuple[str, str, str]]:
    """Of each of DORA's metrics its name, its value and its definition."""
    found = shown.dora
    per_day = f", {found.count / found.days:.2g} a day" if found.days > 0 and found.count else ""
    between = f"; between two: {figures(found.between)}" if found.between.p50 is not None else ""
    still = [failure for failure in found.failures if failure.recovered is None]
    values = {
        "change_lead_time": figures(found.lead),
        "deployment_frequency": f"{found.count} in {found.days:.3g} days{per_day}{between}",
        "failed_deployment_recovery_time": figures(found.recovery)
        + (f"; {counted(len(still), 'failed one')} not over" if still else ""),
        "change_fail_rate": _rate(*found.change_fail_rate),
        "deployment_rework_rate": _rate(*found.rework_rate),
    }
    for name, value in values.items():
        yield NAMES[name], value, DEFINITIONS[name]


def _rate(some: int, every: int) -> str:
    """A percentage only of so many that one more wouldn't turn it around."""
    share = f"{percent(some / every)} " if every >= FEWEST else ""
    return f"{share}({some} of {every})" if share else f"{some} of {every}"


def failed(failure: FailedDeployment, now: float) -> str:
    """What became of a deployment that failed."""
    if failure.recovered is None or failure.length is None:
        since = length(max(0.0, now - failure.at))
        return f"{failure.deployment.label} failed ({failure.why}), {since} ago; it isn't over"
    assumed = ", which is taken for the end of it" if failure.is_assumed else ""
    return (
        f"{failure.deployment.label} failed ({failure.why}); over after {length(failure.length)}: {failure.by}{assumed}"
    )


def beside(shown: Shown) -> Iterator[str]:
    """What belongs beside the metrics, and isn't in them."""
    found = shown.dora
    for failure in found.failures:
        yield failed(failure, shown.now)
    if found.stopped:
        text = f"{counted(len(found.stopped), 'deployment')} stopped before the commit point: no change failure"
        yield f"{text} ({', '.join(dict.fromkeys(attempt.label for attempt in found.stopped))})"
    if found.not_known:
        yield f"nobody knows how {counted(len(found.not_known), 'attempt')} ended (`cdconf history rebuild`)"
    for word in found.unresolved:
        yield f"'{word}' is said to be repaired, and is no deployment to {shown.environment} that's known"
