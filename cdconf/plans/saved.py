"""A plan in a file: what somebody has read, so that exactly that can be applied.

JSON, 0600:

    {"format": "cdconf-plan", "version": 1, "project", "environment", "created_at": SECONDS, "made_by", "agent",
     "limit", "roles": [NAME], "extra": [NAME], "prune": BOOL,
     "hosts": {HOST: {"mark", "catalog", "resources": [{"type", "title", "status", "source", "wanted", "found", "diff",
                                                        "message"}]}},
     "proof": {"digest", "signatures", "seal"}}

`created_at` is in seconds since 1970, `agent` the SHA-256 of the code that looked at the hosts. `mark`, `catalog`,
`wanted` and `found` are MACs under each host's own key (`cdconf.agent.converge.marks`): no secret is in the file, in
whatever form, and none can be guessed from it. `diff` and `message` are what people were shown, with secrets masked.
`proof` tells whether all of it is as it was made: see `cdconf.plans.proof`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdconf.atomic import write_output
from cdconf.errors import InvalidFile, UsageError
from cdconf.own_files import read_json, reason

FORMAT, VERSION = "cdconf-plan", 1
LARGEST = 512 * 1024 * 1024


@dataclass(frozen=True)
class PlanFinding:
    """One resource, handler or orphan on one host; see the module."""

    type: str
    title: str
    status: str
    source: str | None
    wanted: str
    found: str
    diff: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class HostPlan:
    """One host; see the module."""

    mark: str
    catalog: str
    resources: tuple[PlanFinding, ...]


@dataclass(frozen=True)
class PlanProof:
    """What tells that a plan wasn't changed; see `cdconf.plans.proof`."""

    digest: str
    signatures: tuple[dict[str, str], ...]
    seal: dict[str, str]


@dataclass(frozen=True)
class SavedPlan:
    """See the module. `extra` are names only: values may be secret. `proof` is None in a plan of an older cdconf."""

    project: str
    environment: str
    created_at: float
    made_by: str
    agent: str
    limit: str | None
    roles: tuple[str, ...]
    extra: tuple[str, ...]
    prune: bool
    hosts: dict[str, HostPlan] = field(default_factory=dict)
    proof: PlanProof | None = None


def save(plan: SavedPlan, path: Path) -> None:
    """Writes the file, atomically and for its owner's eyes only.

    Raises:
        UsageError: It can't be written there.
    """
    document = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(plan)}
    if plan.proof is None:
        del document["proof"]
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "this is a directory")
        write_output(path, json.dumps(document, indent=1) + "\n", private=True)
    except OSError as error:
        raise UsageError(f"the plan can't be written to {path}: {error.strerror}") from error


def read(path: Path) -> SavedPlan:
    """Reads the file.

    Raises:
        UsageError: There's no such file.
        InvalidFile: It isn't a plan, or one of another version.
    """
    try:
        document = read_json(path, LARGEST)
    except OSError as error:
        hint = "`cdconf plan ENV --out FILE` saves one"
        raise UsageError(f"the plan {path} can't be read: {reason(error)}", hint=hint) from error
    except ValueError as error:
        hint = "`cdconf plan ENV --out FILE` makes one"
        raise InvalidFile("this isn't a plan: it isn't JSON, or not all of it", file=str(path), hint=hint) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidFile("this isn't a plan", file=str(path), hint="`cdconf plan ENV --out FILE` makes one")
    if document.get("version") != VERSION:
        text = f"this is a plan of version {document.get('version')!r}, and this cdconf knows version {VERSION}"
        raise InvalidFile(text, file=str(path), hint="make a new one with this cdconf")
    try:
        return _plan(document)
    except KeyError as error:
        raise InvalidFile(f"the plan is damaged: it has no {error}", file=str(path), hint="make a new one") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise InvalidFile(f"the plan is damaged: {error}", file=str(path), hint="make a new one") from error


def _plan(document: dict[str, Any]) -> SavedPlan:
    limit = document["limit"]
    return SavedPlan(
        project=_text(document["project"]),
        environment=_text(document["environment"]),
        created_at=float(document["created_at"]),
        made_by=_text(document["made_by"]),
        agent=_text(document["agent"]),
        limit=None if limit is None else _text(limit),
        roles=_texts(document["roles"]),
        extra=_texts(document["extra"]),
        prune=document["prune"] is True,
        hosts={_text(name): _host(one) for name, one in document["hosts"].items()},
        proof=_proof(document["proof"]) if "proof" in document else None,
    )


def _proof(document: dict[str, Any]) -> PlanProof:
    signatures = tuple({"keyid": _text(one["keyid"]), "sig": _text(one["sig"])} for one in document["signatures"])
    seal = {_text(name): _text(value) for name, value in document["seal"].items()}
    return PlanProof(_text(document["digest"]), signatures, seal)


def _host(document: dict[str, Any]) -> HostPlan:
    found = tuple(PlanFinding(**one) for one in document["resources"])
    for finding in found:
        for value in (finding.type, finding.title, finding.status, finding.wanted, finding.found):
            _text(value)
    return HostPlan(_text(document["mark"]), _text(document["catalog"]), found)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} isn't a list")
    return tuple(map(_text, value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} isn't text")
    return value
