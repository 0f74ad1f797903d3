"""Reads the operator's policy."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cdconf.errors import did_you_mean
from cdconf.inventory.key import NAME
from cdconf.inventory.keys import STORE
from cdconf.inventory.pipeline import Require
from cdconf.inventory.policy_keys import GUARDED, PERSON, POLICY, STAGE_PIN, VERSION
from cdconf.inventory.read_require import read_entries
from cdconf.inventory.values import names
from cdconf.promotion.allowed_signers import fingerprint_of
from cdconf.promotion.people import People, Person
from cdconf.promotion.policy_model import Policy, PolicyPin
from cdconf.promotion.stage_pins import StagePin
from cdconf.yamlfile import YamlMap, check_keys, expect, loads, shown

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def read_policy(text: str, file: str) -> Policy:
    """The policy that a text is.

    Args:
        text: YAML.
        file: What errors call it.

    Raises:
        InvalidFile: It breaks a rule, or is of a newer version.
    """
    top = loads(text, file)
    version = expect(top, "version", int, "the policy")
    if version != VERSION:
        newer = version > VERSION
        hint = "use a newer cdconf" if newer else f"there is: {VERSION}"
        message = f"this is version {version} of policies, which this cdconf doesn't know"
        raise top.error(message, "version", hint)
    check_keys(top, POLICY, "the policy")
    people = _people(top)
    environments = _environments(top)
    _check_names(top, environments, people)
    return Policy(
        file=file,
        project=_pin(top, "project", NAME, "can't be a project's name"),
        store=_pin(top, "store", STORE, "isn't a directory or s3://bucket/prefix"),
        environments=environments,
        stages=_stages(top),
        people=people,
    )


def _pin(top: YamlMap, key: str, pattern: str, problem: str) -> PolicyPin | None:
    value = expect(top, key, str, "the policy", None)
    if value is None:
        return None
    if not re.fullmatch(pattern, value):
        raise top.error(f"{shown(value)} {problem}", key)
    return PolicyPin(value, _source(top, key))


def _environments(top: YamlMap) -> dict[str, Require]:
    section = expect(top, "environments", dict, "the policy", YamlMap(file=top.file))
    found = {}
    for name, body in section.items():
        if not re.fullmatch(NAME, name):
            raise section.error(f"{shown(name)} can't be an environment's name", name)
        if body is None:
            found[name] = Require()
            continue
        entry: YamlMap = expect(section, name, dict, "environments")
        check_keys(entry, GUARDED, f"environment '{name}'")
        found[name] = read_entries(entry, f"environment '{name}'") if "require" in entry else Require()
    return found


def _stages(top: YamlMap) -> dict[str, StagePin]:
    section = expect(top, "stages", dict, "the policy", YamlMap(file=top.file))
    found = {}
    for name in section:
        if not re.fullmatch(NAME, name):
            raise section.error(f"{shown(name)} can't be a stage's name", name)
        entry: YamlMap = expect(section, name, dict, "stages")
        what = f"stage '{name}'"
        check_keys(entry, STAGE_PIN, what)
        hosts = expect(entry, "hosts", int, what, 0)
        if "hosts" in entry and hosts < 1:
            raise entry.error(f"'hosts' of {what} must be 1 or more", "hosts")
        texts = {key: expect(entry, key, str, what, None) for key in ("environment", "copy_of", "run")}
        if not hosts and not any(texts.values()):
            hint = "such as `environment: staging`, or `copy_of: production`"
            raise section.error(f"{what} has no description", name, hint)
        found[name] = StagePin(**texts, hosts=hosts, source=_source(section, name))
    return found


def _people(top: YamlMap) -> People:
    section = expect(top, "people", dict, "the policy", YamlMap(file=top.file))
    groups = expect(top, "groups", dict, "the policy", YamlMap(file=top.file))
    owners: dict[str, str] = {}
    persons: dict[str, Person] = {}
    direct: dict[str, tuple[str, ...]] = {}
    for name in section:
        entry: YamlMap = expect(section, name, dict, "people")
        what = f"person '{name}'"
        check_keys(entry, PERSON, what)
        direct[name] = names(entry, "groups", what, ())
        keys = [_key(entry, one) for one in names(entry, "keys", what, ())]
        addresses = [_address(entry, one) for one in names(entry, "git", what, ())]
        for key, values in (("keys", keys), ("git", addresses)):
            for value in values:
                if owners.setdefault(value, name) != name:
                    raise entry.error(f"{value} belongs to '{owners[value]}' already", key, "one person counts once")
        persons[name] = Person(name, frozenset(keys), frozenset(addresses), source=_source(section, name))
    members = {name: names(groups, name, "groups") for name in groups}
    known = {*members, *(one for found in direct.values() for one in found)}
    for name in known & persons.keys():
        where = groups if name in groups else section
        raise where.error(f"'{name}' is a person and a group", name, "give the group another name")
    _check_groups(groups, members, {*known, *persons})
    above = _above(members)
    belonging = {
        name: Person(
            person.name, person.keys, person.addresses, _all_above((name, *direct[name]), above) - {name}, person.source
        )
        for name, person in persons.items()
    }
    return People(belonging, frozenset(known))


def _key(entry: YamlMap, text: str) -> str:
    """The fingerprint of a public key's line, or the one that's given."""
    if _FINGERPRINT.fullmatch(text):
        return text
    found = fingerprint_of(text)
    if found is None:
        hint = "a line such as 'ssh-ed25519 AAAA… name', or what `ssh-keygen -lf FILE` shows: SHA256:…"
        raise entry.error(f"{shown(text)} is neither a public key nor a fingerprint", "keys", hint)
    return found


def _address(entry: YamlMap, text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise entry.error(f"{shown(text)} isn't an address", "git", "as git's commits have it: anna@example.com")
    return text.lower()


def _check_groups(groups: YamlMap, members: Mapping[str, tuple[str, ...]], known: set[str]) -> None:
    for name, found in members.items():
        for one in found:
            if one not in known:
                message = f"group '{name}' has an unknown member '{one}'"
                raise groups.error(message, name, did_you_mean(one, known) or "name a person, or a group")
    for name in members:
        circle = _circle(name, members, (name,))
        if circle:
            raise groups.error(f"group '{name}' can't belong to itself: {' -> '.join(circle)}", name)


def _circle(goal: str, members: Mapping[str, tuple[str, ...]], way: tuple[str, ...]) -> tuple[str, ...] | None:
    """The way from a group back to itself."""
    seen = {goal}
    waiting = [way]
    while waiting:
        so_far = waiting.pop()
        for one in members.get(so_far[-1], ()):
            if one == goal:
                return (*so_far, one)
            if one not in seen:
                seen.add(one)
                waiting.append((*so_far, one))
    return None


def _above(members: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Name -> the groups that it's directly in."""
    found: dict[str, list[str]] = {}
    for group, inside in members.items():
        for one in inside:
            found.setdefault(one, []).append(group)
    return found


def _all_above(begin: tuple[str, ...], above: Mapping[str, list[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(begin)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += above.get(one, [])
    return frozenset(found)


def _check_names(top: YamlMap, environments: Mapping[str, Require], people: People) -> None:
    """Raises `InvalidFile` for approvals by people whom nobody knows, or of whom there aren't enough."""
    for name, require in environments.items():
        for approval in require.approvals:
            line = int(approval.source.rpartition(":")[2])
            where = YamlMap(file=top.file, line=line)
            for group in approval.groups:
                if not people.knows(group):
                    hint = did_you_mean(group, [*people.persons, *people.groups]) or "add it to `people` or `groups`"
                    raise where.error(
                        f"approvals of {name} are from '{group}', whom the policy doesn't know", hint=hint
                    )
            able = [person for person in people.members(approval.groups) if person.keys]
            if len(able) < approval.count:
                message = f"approvals of {name} ask for {approval.count} people, and {len(able)} with a key may approve"
                raise where.error(message, hint="add people with `keys`, or ask for fewer")


def _source(mapping: YamlMap, key: str) -> str:
    file, line = mapping.where(key)
    return f"{file}:{line}"
