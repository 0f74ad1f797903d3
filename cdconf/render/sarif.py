"""SARIF 2.1.0, the format in which code hosts and editors take in findings (OASIS, sarif-v2.1.0-os)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cdconf import __version__
from cdconf.catalog.findings import RULES, LintFinding
from cdconf.errors import CdconfError

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def document(errors: Sequence[CdconfError], warnings: Sequence[LintFinding], root: Path | None) -> dict[str, Any]:
    """One SARIF log with one run.

    Args:
        errors: Results of level `error`; their kinds are the rules.
        warnings: Results of level `warning`.
        root: The project; locations are relative to the git repository that it's in, as code hosts want them.
    """
    prefix = prefix_of(root) if root else ""
    found = [(error.as_dict(), "error") for error in errors] + [(warning.as_dict(), "warning") for warning in warnings]
    kinds = list(dict.fromkeys(str(entry["kind"]) for entry, _ in found))
    levels = {str(entry["kind"]): level for entry, level in found}
    described = {**_error_kinds(CdconfError), **RULES}
    rules = [rule(kind, described.get(kind, kind), levels[kind]) for kind in kinds]
    results = [_result(entry, level, kinds.index(str(entry["kind"])), prefix) for entry, level in found]
    return log(rules, results)


def log(rules: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One SARIF log with one run, of `rule` and `result`."""
    driver = {
        "name": "cdconf",
        "version": __version__,
        "informationUri": "https://github.com/cdconf/cdconf",
        "rules": list(rules),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": list(results)}]}


def rule(kind: str, text: str, level: str) -> dict[str, Any]:
    """What a kind of finding means, and how bad it is: `error` or `warning`."""
    return {"id": kind, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}


def result(
    kind: str, place: int, level: str, text: str, identity: str, where: tuple[str, int | None] | None = None
) -> dict[str, Any]:
    """One finding.

    Args:
        kind: Its rule.
        place: That rule's place among the rules.
        level: `error` or `warning`.
        text: For people.
        identity: The same for the same finding in another run.
        where: The file, relative to the git repository, and the line.
    """
    found: dict[str, Any] = {
        "ruleId": kind,
        "ruleIndex": place,
        "level": level,
        "message": {"text": text},
        "partialFingerprints": {"finding/v1": hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()},
    }
    if where is not None:
        location = {"uri": quote(where[0]), "uriBaseId": "%SRCROOT%"}
        region = {"region": {"startLine": where[1]}} if where[1] else {}
        found["locations"] = [{"physicalLocation": {"artifactLocation": location, **region}}]
    return found


def _result(entry: dict[str, Any], level: str, place: int, prefix: str) -> dict[str, Any]:
    message = f"{entry['message']} ({entry['hint']})" if entry["hint"] else str(entry["message"])
    identity = f"{entry['kind']}\0{entry['file']}\0{entry['message']}"
    where = (f"{prefix}{entry['file']}", entry["line"]) if entry["file"] else None
    return result(entry["kind"], place, level, message, identity, where)


def prefix_of(root: Path) -> str:
    """The project's place in its git repository, with a slash behind it; empty for the top, or outside of git."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            inner = root.relative_to(folder).as_posix()
            return "" if inner == "." else f"{inner}/"
    return ""


def _error_kinds(kind: type[CdconfError]) -> dict[str, str]:
    """Kind -> what it means, of the whole tree of errors."""
    found = {kind.kind: (kind.__doc__ or kind.kind).splitlines()[0]} if "kind" in vars(kind) else {}
    for child in kind.__subclasses__():
        found |= _error_kinds(child)
    return found
