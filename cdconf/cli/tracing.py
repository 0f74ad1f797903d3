"""Sends a run that has ended to an OpenTelemetry collector, where the environment names one; it never fails a run."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf import __version__
from cdconf.patience import TookTooLong, within

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from cdconf.history.spans import Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PATIENCE = 5.0  # seconds for which a run that has ended waits for the collector, all in all
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")  # https://www.w3.org/TR/trace-context/


def send_trace(data: Path, record: Mapping[str, Any]) -> None:
    """Sends a run, if the environment says where; a collector that can't be reached is a warning.

    $TRACEPARENT makes it part of a trace that somebody else has begun, such as a CI server.

    Args:
        data: The project's `.cdconf/`.
        record: The run, as the history has it.
    """
    if not any(os.environ.get(name) for name in ENDPOINTS) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    try:
        within(PATIENCE, lambda: _send(data, record))
    except ModuleNotFoundError:
        problem = "OpenTelemetry isn't installed here: pip install 'cdconf[otel]'"
    except TookTooLong:
        problem = f"the collector said nothing for {PATIENCE:g} s"
    except Exception as error:  # noqa: BLE001  whatever a collector or a library does, the run has ended
        problem = f"{type(error).__name__}: {error}"
    else:
        return
    print(f"warning: the run's trace wasn't sent: {next(iter(problem.splitlines()), '')[:200]}", file=sys.stderr)


def _send(data: Path, record: Mapping[str, Any]) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    from cdconf.history.run_events import read_events
    from cdconf.history.spans import root_of, tasks_of

    logger = logging.getLogger("opentelemetry")  # what it has to say is said by the warning
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    spans = _spans(root_of(record), tasks_of(record, read_events(data, str(record["id"]))))
    exporter = OTLPSpanExporter(timeout=PATIENCE)
    try:
        if exporter.export(spans) is not SpanExportResult.SUCCESS:
            raise OSError("the collector didn't take it")
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]


def _spans(root: Span, tasks: list[Span]) -> list[ReadableSpan]:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    ids = RandomIdGenerator()
    outer = _PARENT.fullmatch(os.environ.get("TRACEPARENT", ""))
    trace = int(outer[1], 16) if outer else ids.generate_trace_id()
    flags = TraceFlags(TraceFlags.SAMPLED)
    resource = Resource.create({"service.name": "cdconf", "service.version": __version__})

    def span(one: Span, parent: SpanContext | None, kind: SpanKind) -> ReadableSpan:
        return ReadableSpan(
            name=one.name,
            context=SpanContext(trace, ids.generate_span_id(), is_remote=False, trace_flags=flags),
            parent=parent,
            resource=resource,
            attributes=one.attributes,
            kind=kind,
            status=Status(StatusCode.ERROR, one.failure) if one.failure is not None else Status(StatusCode.UNSET),
            start_time=int(one.began * 1e9),
            end_time=int(one.ended * 1e9),
            instrumentation_scope=InstrumentationScope("cdconf", __version__),
        )

    above = SpanContext(trace, int(outer[2], 16), is_remote=True, trace_flags=flags) if outer else None
    first = span(root, above, SpanKind.SERVER)
    return [first, *(span(task, first.get_span_context(), SpanKind.INTERNAL) for task in tasks)]
