"""What is said (`said`) as in-toto Statements v1 (https://github.com/in-toto/attestation), and back.

in-toto's own predicates speak of builds, tests and audits, none of a deployment that passed a stage or of a stop. So
these are cdconf's own, each with a version in its type. Unknown fields of a known version are left alone, as in-toto
asks; a newer version is refused by its name.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cdconf.artifacts import dsse
from cdconf.artifacts.provenance import STATEMENT as IN_TOTO_V1
from cdconf.errors import ArtifactError
from cdconf.promotion.said import Approval, Held, HeldPeriod, Lift, Override, Proof, RolesProof, Said, Stop, Subject

BASE = "https://github.com/cdconf/cdconf/attestation/"
VERSION = 1
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
HEAD = "journal"  # what a predicate says of the history's journal, beside what's said
_NAMES: dict[type[Said], str] = {
    Proof: "stage",
    Held: "held",
    RolesProof: "roles",
    Stop: "stop",
    Lift: "lift",
    Override: "override",
    Approval: "approval",
}
_KINDS = {name: kind for kind, name in _NAMES.items()}
_TYPE = re.compile(re.escape(BASE) + r"([a-z-]+)/v([0-9]+)")
_DIGEST = re.compile("[0-9a-f]{64}")
_TREE = re.compile("[0-9a-f]{40,64}")
_YEARS = range(1970, 9999)  # every zone's clocks can tell these
TREE_DIGEST, APP_DIGEST, GIT_TREE = "cdconfTree1", "cdconfApp1", "gitTree"


class NotSaid(Exception):
    """It's no statement that this version can read; the message says why, after "it"."""


def document(said: Said) -> dict[str, Any]:
    """The in-toto Statement."""
    predicate = {name: _out(name, value) for name, value in vars(said).items() if name not in ("subject", "stop")}
    return {
        "_type": IN_TOTO_V1,
        "subject": _subjects(said),
        "predicateType": f"{BASE}{_NAMES[type(said)]}/v{VERSION}",
        "predicate": predicate,
    }


def kind_of(said: Said) -> str:
    """The word for what's said in its type: `stage`, `stop`, ...."""
    return _NAMES[type(said)]


def with_head(statement: Mapping[str, Any], head: Mapping[str, Any] | None) -> dict[str, Any]:
    """A statement that also says how far the journal of the checkout reached in which it was made.

    Args:
        statement: See `document`.
        head: `{"checkout", "number", "link"}`; None: nothing is said of it.
    """
    if head is None:
        return dict(statement)
    return {**statement, "predicate": {**statement["predicate"], HEAD: dict(head)}}


def head_in(envelope: Mapping[str, Any]) -> Any:
    """What an envelope's statement says of a journal, unread; None when it says nothing."""
    try:
        found = json.loads(dsse.content(envelope)[1])
        return found["predicate"].get(HEAD)
    except (ArtifactError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None


def test_result(proof: Proof) -> dict[str, Any]:
    """A proof's smoke tests as in-toto's own predicate, for tools that know nothing of cdconf."""
    passed = proof.result == "passed"
    return {
        "_type": IN_TOTO_V1,
        "subject": _subjects(proof),
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": "PASSED" if passed else "FAILED",
            "configuration": [{"name": "procedure", "digest": {"sha256": proof.procedure.removeprefix("sha256:")}}],
        },
    }


def envelope(statement: Mapping[str, Any]) -> dict[str, Any]:
    """A statement in an envelope that nobody has signed yet."""
    return dsse.wrap(json.dumps(statement, sort_keys=True, separators=(",", ":")).encode("utf-8"))


def _subjects(said: Said) -> list[dict[str, Any]]:
    if isinstance(said, Lift):
        return [{"name": "stop", "digest": {"sha256": said.stop}}]
    if isinstance(said, RolesProof):
        return [{"name": path, "digest": {GIT_TREE: tree}} for path, tree in sorted(said.trees.items())]
    if said.subject is not None:
        digests = {"sha256": said.subject.archive, TREE_DIGEST: said.subject.tree}
        return [{"name": said.subject.name, "digest": digests}]
    return [{"name": f"{said.project}/{said.app or ''}", "digest": {APP_DIGEST: said.key}}]


def _out(name: str, value: Any) -> Any:
    if name in _TIMES and value is not None:
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if name == "periods":
        return [
            {"from": _out("at", one.begins), "to": _out("at", one.ends), "procedure": one.procedure} for one in value
        ]
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def read(envelope: Mapping[str, Any]) -> Said | None:
    """What an envelope says, believed or not; None for statements of others' types, which say nothing to gates.

    Raises:
        NotSaid: It's no statement that this version can read.
    """
    return read_payload(*dsse.content(envelope))


def read_payload(kind: str, payload: bytes) -> Said | None:
    """The same of what `dsse.content` gives."""
    twice: list[str] = []

    def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):  # of names that stand in it twice, readers could take one or the other
            twice.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return found

    try:
        found = json.loads(payload, object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:
        raise NotSaid("isn't JSON") from error
    if kind != dsse.IN_TOTO or not isinstance(found, dict) or found.get("_type") != IN_TOTO_V1:
        raise NotSaid("isn't a statement of in-toto v1")
    if twice:
        raise NotSaid(f"says '{twice[0][:60]}' twice")
    return read_statement(found)


def read_statement(found: Mapping[str, Any]) -> Said | None:
    """What a statement says; see `read`, which opens its envelope."""
    match = _TYPE.fullmatch(str(found.get("predicateType")))
    if match is None:
        return None
    if match[1] not in _KINDS or len(match[2]) > 9 or int(match[2]) > VERSION:
        raise NotSaid(f"is of the type {match[1]}/v{match[2][:9]}, as of a newer cdconf")
    try:
        return _said(_KINDS[match[1]], found["subject"], found["predicate"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise NotSaid(f"lacks something: {str(error)[:80]}") from error


def _said(kind: type[Said], subjects: Any, predicate: Any) -> Said:
    if not isinstance(subjects, list) or not isinstance(predicate, dict):
        raise TypeError("subject or predicate")
    given = {
        name: read_one(predicate[name])
        for name, read_one in _FIELDS[kind].items()
        if name not in _OPTIONAL or name in predicate
    }
    if kind is Lift:
        given["stop"] = _digest(_only(subjects)["digest"]["sha256"])
    elif kind is RolesProof:
        named = {str(subject["name"]): subject["digest"][GIT_TREE] for subject in subjects}
        if named != given["trees"] or len(named) != len(subjects):
            raise ValueError("its subjects aren't its trees")
    else:
        given["subject"] = _subject(subjects)
        if given["subject"] is None and kind in (Proof, Held, Approval):
            raise ValueError("it names no artifact")
    said: Said = kind(**given)
    if isinstance(said, (Stop, Override)) and said.subject is None:
        _check_key(subjects, said.key)
    return said


def _check_key(subjects: list[Any], key: str) -> None:
    if _only(subjects)["digest"].get(APP_DIGEST) != key:
        raise ValueError("its subject isn't what it's about")


def _only(subjects: list[Any]) -> Any:
    if len(subjects) != 1:
        raise ValueError(f"one subject, of which it has {len(subjects)}")
    return subjects[0]


def _subject(subjects: list[Any]) -> Subject | None:
    one = _only(subjects)
    if "sha256" not in one["digest"]:
        return None
    return Subject(_text(one["name"]), _digest(one["digest"]["sha256"]), _digest(one["digest"][TREE_DIGEST]))


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError("a SHA-256")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def _time(value: Any) -> float:
    found = datetime.fromisoformat(_text(value))
    if found.tzinfo is None:
        raise ValueError("a time with its zone")
    if found.year not in _YEARS:
        raise ValueError(f"a time that clocks tell, not one in the year {found.year}")
    return found.timestamp()


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def _map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("a mapping")
    return value


def _trees(value: Any) -> dict[str, str]:
    if not all(isinstance(tree, str) and _TREE.fullmatch(tree) for tree in _map(value).values()):
        raise ValueError("ids of git trees")
    return dict(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("a list")
    return tuple(_text(one) for one in value)


def _periods(value: Any) -> tuple[HeldPeriod, ...]:
    if not isinstance(value, list):
        raise TypeError("periods")
    return tuple(HeldPeriod(_time(one["from"]), _time(one["to"]), _text(one["procedure"])) for one in value)


def _digests(value: Any) -> tuple[str, ...]:
    return tuple(_digest(text) for text in _texts(value))


def _one_of(*words: str) -> Callable[[Any], str]:
    def read_one(value: Any) -> str:
        if value not in words:
            raise ValueError(" or ".join(words))
        return str(value)

    return read_one


def _or_none(read_one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read_one(value)


_TIMES = ("started", "finished", "at", "expires")
_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_TIMES, _time),
    **dict.fromkeys(("isolated", "throwaway"), _flag),
    **dict.fromkeys(("hosts", "smoke"), _map),
    **dict.fromkeys(("acceptance", "parity"), _or_none(_map)),
    "trees": _trees,
    "missing": _texts,
    "periods": _periods,
    "result": _one_of("passed", "failed"),
    "decision": _one_of("approved", "rejected"),
    "expires": _or_none(_time),
    "seen": _digests,
}
_MAY_BE_NONE = {"copy_of", "version", "stage", "environment", "app", "built_from"}
_OPTIONAL = {"built_from"}  # what older versions didn't say
# Type -> its fields, each with what reads it.
_FIELDS: dict[type[Said], dict[str, Callable[[Any], Any]]] = {
    kind: {
        name: _READERS.get(name) or (_or_none(_text) if name in _MAY_BE_NONE else _text)
        for name in kind.__dataclass_fields__
        if name not in ("subject", "stop")
    }
    for kind in _NAMES
}
