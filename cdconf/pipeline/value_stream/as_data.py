"""The value stream as plain data, for the JSON document. Times in seconds since 1970, lengths in seconds."""

from __future__ import annotations

from typing import Any

from cdconf.pipeline.value_stream.dora import DEFINITIONS, SOURCE, Dora, FailedDeployment
from cdconf.pipeline.value_stream.figures import StageFigures, Whole
from cdconf.pipeline.value_stream.model import KINDS, DeliveredRelease, DeploymentAttempt, StreamChange
from cdconf.pipeline.value_stream.stream import Stream


def stream_data(stream: Stream, dora: Dora) -> dict[str, Any]:
    """An app's stream."""
    return {
        **_whole(stream.whole),
        "clocks_corrected": len(stream.clocks),
        "dora": _dora(dora),
        "releases": [_release(release) for release in reversed(stream.releases)],
        "waiting": [
            {
                "commit": waiting.commit.id,
                "subject": waiting.commit.subject,
                "committed_at": waiting.commit.at,
                "age_s": round(waiting.age, 3),
            }
            for waiting in stream.waiting
        ],
    }


def _whole(whole: Whole) -> dict[str, Any]:
    found = whole.bottleneck
    return {
        "lead_time_s": whole.lead.as_data(),
        "stages": [_step(step) for step in whole.steps],
        "idle_share": None if whole.idle is None else round(whole.idle, 6),
        "stopped_s": round(whole.stopped, 3),
        "bottleneck": {"stage": found.stage, "kind": found.kind, "share": round(found.share, 6)} if found else None,
    }


def _step(step: StageFigures) -> dict[str, Any]:
    """`stage` is None before the first stage began."""
    kinds: dict[str, Any] = {
        kind: {**step.figures[kind].as_data(), "total": round(step.totals[kind], 3)} for kind in KINDS
    }
    return {"stage": step.stage, **kinds}


def _dora(dora: Dora) -> dict[str, Any]:
    values: dict[str, dict[str, Any]] = {
        "change_lead_time": {"seconds": dora.lead.as_data()},
        "deployment_frequency": {
            "deployments": dora.count,
            "days": round(dora.days, 3),
            "between_s": dora.between.as_data(),
        },
        "failed_deployment_recovery_time": {
            "seconds": dora.recovery.as_data(),
            "failed": [_failure(failure) for failure in dora.failures],
        },
        "change_fail_rate": {"failed": dora.change_fail_rate[0], "deployments": dora.count},
        "deployment_rework_rate": {"rework": list(dora.rework), "deployments": dora.count},
    }
    found: dict[str, Any] = {
        name: {**value, "definition": DEFINITIONS[name], "source": SOURCE} for name, value in values.items()
    }
    found["stopped_before_the_commit_point"] = [_deployment(attempt) for attempt in dora.stopped]
    found["not_known"] = [_deployment(attempt) for attempt in dora.not_known]
    found["names_no_deployment"] = list(dora.unresolved)
    return found


def _failure(failure: FailedDeployment) -> dict[str, Any]:
    return {
        **_deployment(failure.deployment),
        "failed_at": round(failure.at, 3),
        "why": failure.why,
        "recovered_at": None if failure.recovered is None else round(failure.recovered, 3),
        "recovered_by": failure.by or None,
        "is_assumed": failure.is_assumed,
    }


def _deployment(attempt: DeploymentAttempt) -> dict[str, Any]:
    names = ("id", "run", "app", "version", "archive", "commit", "verdict")
    return {**{name: getattr(attempt, name) for name in names}, "began_at": round(attempt.began, 3)}


def _release(release: DeliveredRelease) -> dict[str, Any]:
    return {
        **_deployment(release.deployment),
        "verified_at": round(release.verified, 3),
        "since": release.since.id if release.since else None,
        "unknown": release.unknown or None,
        "changes": [_change(change) for change in release.changes],
    }


def _change(change: StreamChange) -> dict[str, Any]:
    return {
        "commit": change.commit.id,
        "subject": change.commit.subject,
        "committed_at": change.commit.at,
        "authored_at": change.commit.authored_at,
        "clock_corrected_s": round(change.clock, 3),
        "left_out": change.left_out,
        "began_at": round(change.began, 3),
        "verified_at": round(change.verified, 3),
        "lead_time_s": round(change.length, 3),
        "parts": [
            {
                "stage": segment.stage,
                "kind": segment.kind,
                "begins": round(segment.begins, 3),
                "ends": round(segment.ends, 3),
                "stopped": segment.is_stop,
            }
            for segment in change.segments
        ],
    }
