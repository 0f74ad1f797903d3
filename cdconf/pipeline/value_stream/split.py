"""A change's way from its commit to the environment, cut into parts that have neither gaps nor overlaps; pure.

Of several spans that cover a moment, work counts before waiting for people, and that before a queue: something was
done then. Of several of the same kind the one that ends last counts, since the change had to wait for it; of those that
end together, the one of the stage that comes last in the pipeline. A moment that nothing covers is a queue: that of the
stage that comes next, or at the very end that of the last one. Before the first span no stage had begun (None).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

from cdconf.pipeline.value_stream.model import Kind, Segment, StageSpan

_RANK: Mapping[Kind, int] = {"queue": 0, "people": 1, "work": 2}


def split(begins: float, ends: float, spans: Sequence[StageSpan], order: Mapping[str, int]) -> tuple[Segment, ...]:
    """The parts, in order; their lengths sum up to `ends - begins`.

    Args:
        begins: When the change was committed.
        ends: When the environment had it.
        spans: What was done to it, and what it waited for; those outside count for nothing.
        order: Stage -> its place in the pipeline.
    """
    inside = [span for span in spans if span.begins < ends and span.ends > begins and span.ends > span.begins]
    bounds = sorted({begins, ends, *(min(max(at, begins), ends) for span in inside for at in (span.begins, span.ends))})
    coming = sorted(inside, key=lambda span: span.begins, reverse=True)
    active: list[StageSpan] = []
    cut: list[tuple[float, float, StageSpan | None]] = []
    for left, right in pairwise(bounds):
        while coming and coming[-1].begins <= left:
            active.append(coming.pop())
        active = [span for span in active if span.ends > left]
        best = max(active, key=lambda span: (*_weight(span, order), span.is_stop), default=None)
        cut.append((left, right, best))
    return _joined(_named(cut))


def clip(segments: Sequence[Segment], begins: float) -> tuple[Segment, ...]:
    """The same way, begun later."""
    first = bisect_right([one.ends for one in segments], begins)
    found = list(segments[first:])
    if found and found[0].begins < begins:
        segment = found[0]
        found[0] = Segment(segment.stage, segment.kind, begins, segment.ends, segment.is_stop)
    return tuple(found)


def _weight(span: StageSpan, order: Mapping[str, int]) -> tuple[int, float, int]:
    return _RANK[span.kind], span.ends, order.get(span.stage or "", -1)


def _named(cut: Sequence[tuple[float, float, StageSpan | None]]) -> list[Segment]:
    """Gives what no stage covers to the stage that comes next."""
    covered = [place for place, (_, _, span) in enumerate(cut) if span is not None and span.stage is not None]
    last = cut[covered[-1]][2].stage if covered else None  # type: ignore[union-attr]
    found: list[Segment] = []
    following = last
    for place in range(len(cut) - 1, -1, -1):
        left, right, span = cut[place]
        if span is not None and span.stage is not None:
            following = span.stage
        is_before = not covered or place < covered[0]
        stage = None if is_before and span is None else following
        found.append(Segment(stage, span.kind if span else "queue", left, right, bool(span and span.is_stop)))
    return found[::-1]


def _joined(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for segment in segments:
        last = found[-1] if found else None
        if last and (last.stage, last.kind, last.is_stop) == (segment.stage, segment.kind, segment.is_stop):
            found[-1] = Segment(last.stage, last.kind, last.begins, segment.ends, last.is_stop)
        else:
            found.append(segment)
    return tuple(found)
