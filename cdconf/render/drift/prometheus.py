"""A look for drift in Prometheus' text format, for node_exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Sequence

from cdconf.render.drift.look import DriftLook


def exposition(look: DriftLook) -> bytes:
    """The file's text. No sample has a time of its own: the collector refuses a file with one."""
    lines: list[str] = []
    base = {"project": look.project, "environment": look.environment}

    def gauge(name: str, text: str, samples: Sequence[tuple[dict[str, str], float]]) -> None:
        lines.append(f"# HELP {name} {text}")
        lines.append(f"# TYPE {name} gauge")
        for labels, value in samples:
            told = ",".join(f'{key}="{_escaped(label)}"' for key, label in (base | labels).items())
            lines.append(f"{name}{{{told}}} {value!r}")

    counts = [({"cause": cause}, float(count)) for cause, count in look.counts().items()]
    gauge("cdconf_drift_findings", "Findings that no waiver covers, by cause.", counts)
    gauge("cdconf_drift_findings_waived", "Findings that a waiver covers.", [({}, float(look.waived))])
    for word, hosts in (("looked", look.hosts), ("unreachable", look.unreachable), ("failed", look.failed)):
        what = {"looked": "to be looked at", "unreachable": "that couldn't be reached", "failed": "that failed"}[word]
        name = "cdconf_drift_look_hosts" if word == "looked" else f"cdconf_drift_{word}_hosts"
        gauge(name, f"Hosts {what} by the last look.", [({}, float(len(hosts)))])
    whole = "Whether the last look got through on all hosts."
    gauge("cdconf_drift_look_success", whole, [({}, float(look.is_whole))])
    gauge("cdconf_drift_look_duration_seconds", "How long the last look took.", [({}, round(look.duration_s, 3))])
    if look.last_success is not None:
        text = "When a look last got through on all hosts."
        gauge("cdconf_drift_last_success_timestamp_seconds", text, [({}, round(look.last_success, 3))])
    return ("\n".join(lines) + "\n").encode("utf-8")


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
