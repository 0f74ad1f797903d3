"""Who may say what: keys by office, people, what each environment asks for, overrides and stops."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.trust import trust_of
from cdconf.promotion.offices import shown
from cdconf.promotion.policy import policy_of
from cdconf.promotion.requirements import requirements_of
from cdconf.promotion.signers import signers_of
from cdconf.web.page import Ask, Page
from cdconf.web.reading.sources import attempt
from cdconf.web.reading.store import line_of, overrides_of
from cdconf.web.tabling import Column, table

if TYPE_CHECKING:
    from cdconf.web.reading.sources import Sources

_KEYS = (
    Column("offices", "may speak for"),
    Column("name", "name"),
    Column("state", "state", "state"),
    Column("valid_before", "until", "time"),
    Column("id", "fingerprint", "code"),
)
_PEOPLE = (
    Column("name", "person"),
    Column("groups", "groups"),
    Column("addresses", "git addresses"),
    Column("keys", "keys", "code"),
)
_REQUIREMENTS = (
    Column("environment", "environment"),
    Column("key", "requirement"),
    Column("text", "what", "long"),
    Column("source", "written in", "code"),
)
_OVERRIDES = (
    Column("at", "at", "time"),
    Column("environment", "environment"),
    Column("what", "what"),
    Column("state", "state", "state"),
    Column("by", "by"),
    Column("reason", "reason", "long"),
    Column("missing", "without", "long"),
)
_STOPS = (
    Column("at", "since", "time"),
    Column("what", "what is stopped"),
    Column("by", "by"),
    Column("why", "why", "long"),
    Column("command", "who may lift it runs", "command"),
)


def show(ask: Ask) -> Page:
    """Keys, policy, overrides and stops."""
    sources, kept = ask.sources, ask.sources.kept
    keys, one = attempt(lambda: _keys(sources, ask.now), [])
    policy, two = attempt(lambda: _policy(sources), {"file": None, "people": [], "requirements": []})
    overrides, three = attempt(lambda: kept.get("overrides", lambda: overrides_of(sources), young=3.0), [])
    line, four = attempt(lambda: kept.get("line", lambda: line_of(sources)), {"stops": []})
    trusted, five = attempt(lambda: trust_of(sources.project, remembers=False))
    data = {
        "policy_file": policy["file"],
        "builds": trusted.state if trusted else None,
        "builders": [{"id": key.id, "name": key.name} for key in trusted.keys.values()] if trusted else [],
    }
    tables = {
        "stops": table("stops", _STOPS, line["stops"], ask.params, "Nothing is stopped."),
        "overrides": table("overrides", _OVERRIDES, overrides, ask.params, "No gate was overridden."),
        "signers": table(
            "signers", _KEYS, keys, ask.params, "Nobody may speak for any office here, so gates are closed."
        ),
        "requirements": table("", _REQUIREMENTS, policy["requirements"], ask.params, "No environment asks for proofs."),
        "people": table("people", _PEOPLE, policy["people"], ask.params, "The policy names nobody."),
    }
    problems = tuple(dict.fromkeys(why for why in (one, two, three, four, five, *policy.get("problems", ())) if why))
    return Page("Trust", "trust.html", "trust", data, tables, problems)


def _keys(sources: Sources, now: float) -> list[dict[str, Any]]:
    found = signers_of(sources.project)
    rows = []
    for signer in found.signers:
        about = {"id": signer.id, "name": signer.principals, "offices": ", ".join(map(shown, sorted(signer.offices)))}
        problem = found.problem(signer, now)
        rows.append({**about, "valid_before": signer.valid_before, "state": "valid" if problem is None else problem})
    return rows


def _policy(sources: Sources) -> dict[str, Any]:
    policy = policy_of(sources.project)
    requirements: list[dict[str, Any]] = []
    problems: list[str] = []
    for name in dict.fromkeys([*sources.project.filed(), *policy.environments]):
        found, why = attempt(partial(_in_force, sources, policy, name), ())
        problems += [why] if why else []
        requirements += [{"environment": name, "key": one.key, "text": one.text, "source": one.source} for one in found]
    people = [
        {
            "name": person.name,
            "groups": ", ".join(sorted(person.groups)),
            "addresses": ", ".join(sorted(person.addresses)),
            "keys": ", ".join(sorted(person.keys)),
        }
        for person in policy.people.persons.values()
    ]
    return {"file": policy.file or None, "people": people, "requirements": requirements, "problems": problems}


def _in_force(sources: Sources, policy: Any, name: str) -> Any:
    if name not in sources.project.filed():
        return policy.environments[name].entries
    return requirements_of(sources.project, sources.environment(name)).entries
