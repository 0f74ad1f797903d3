"""A run as spans of a trace, by OpenTelemetry's names for CI/CD: pure.

https://opentelemetry.io/docs/specs/semconv/registry/attributes/cicd/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdconf.errors import DIFFERENT, OK
from cdconf.history.rows import number

_CANCELLED = (130, 143)
_TYPES = {"smoke": "test", "health": "test", "activate": "deploy", "confirm": "deploy", "stage": "deploy"}
_ATTRIBUTES = {
    "environment": "deployment.environment.name",
    "commit": "vcs.ref.head.revision",
    "version": "artifact.version",
    "artifact": "artifact.hash",
    "app": "cdconf.app",
    "procedure": "cdconf.procedure",
    "stage": "cdconf.stage",
    "user": "user.name",
}
Attributes = Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class Span:
    """A span; times are in seconds since 1970. `failure` is why it failed; None: it didn't."""

    name: str
    began: float
    ended: float
    attributes: Attributes = field(default_factory=dict)
    failure: str | None = None


def root_of(record: Mapping[str, Any]) -> Span:
    """A run as the span of a pipeline's run.

    Args:
        record: As the history has it, see `journal.entry`.
    """
    code = record["exit_code"]
    result = "success" if code in (OK, DIFFERENT) else "cancellation" if code in _CANCELLED else "failure"
    began = number(record["started_at"]) or 0.0
    attributes: dict[str, str | int] = {
        "cicd.pipeline.name": record["command"],
        "cicd.pipeline.action.name": "RUN",
        "cicd.pipeline.run.id": record["id"],
        "cicd.pipeline.result": result,
        "cdconf.exit_code": int(code),
    }
    attributes |= {to: str(record[name]) for name, to in _ATTRIBUTES.items() if record.get(name)}
    failure = str(record.get("error") or f"exit code {code}") if result == "failure" else None
    if failure is not None:
        attributes["error.type"] = f"exit_{code}"
    ended = began + (number(record["duration_s"]) or 0.0)
    return Span(f"RUN {record['command']}", began, ended, attributes, failure)


def tasks_of(record: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[Span]:
    """The run's steps as spans of its tasks, each until the next one begins.

    Args:
        record: The run.
        events: What it told.
    """
    root = root_of(record)
    steps = [event for event in events if event["event"] == "step" and number(event.get("at")) is not None]
    found = []
    for place, (step, ended) in enumerate(_until_the_next(steps, root.ended), 1):
        words = str(step.get("message") or "step").splitlines()[0]
        kind = words.rpartition("of ")[2].partition(": ")[2] if words.startswith("batch ") else words
        name = kind.partition(":")[0]
        is_last = place == len(steps)
        failure = root.failure if is_last else None
        attributes: dict[str, str] = {
            "cicd.pipeline.task.name": name,
            "cicd.pipeline.task.run.id": f"{record['id']}/{place}",
            "cicd.pipeline.task.run.result": str(root.attributes["cicd.pipeline.result"]) if is_last else "success",
            "cdconf.step": words,
        }
        kind_of_task = _TYPES.get(name.partition(" ")[0])
        attributes |= {"cicd.pipeline.task.type": kind_of_task} if kind_of_task is not None else {}
        found.append(Span(name, float(step["at"]), ended, attributes, failure))
    return found


def _until_the_next(steps: Sequence[Mapping[str, Any]], last: float) -> Iterator[tuple[Mapping[str, Any], float]]:
    for place, step in enumerate(steps):
        ended = steps[place + 1]["at"] if place + 1 < len(steps) else last
        yield step, max(float(step["at"]), float(ended))
