"""The operator's policy, read: what it may say, and each way in which it's wrong."""

import re
import textwrap
from pathlib import Path

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory.requirement import Approvals, Soak
from cdconf.promotion.read_policy import read_policy

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl anna@laptop"
ID = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
OTHER = f"SHA256:{'b' * 43}"
WHOLE = f"""
    version: 1
    project: shop
    store: s3://bucket/shop
    environments:
      production:
        require:
          - approvals: {{count: 2, from: [release], not_author: true, expires: 24h}}
          - soak: {{stage: manual, for: 30m}}
      staging:
    people:
      anna: {{keys: ["{KEY}"], git: [Anna@Example.com], groups: [ops]}}
      ben: {{keys: {OTHER}, groups: security}}
      cleo: {{git: cleo@example.com}}
    groups:
      release: [ops, security, cleo]
"""


def policy(text):
    return read_policy(textwrap.dedent(text), "/home/me/policy.yml")


def test_a_policy_says_what_is_required_and_who_is_who():
    found = policy(WHOLE)
    assert (found.project.value, found.store.value) == ("shop", "s3://bucket/shop")
    assert found.project.source == "/home/me/policy.yml:3"
    assert set(found.environments) == {"production", "staging"}
    required = found.environments["production"]
    assert required.approvals == (Approvals(2, ("release",), not_author=True, expires=86400.0),)
    assert required.soaks == (Soak("manual", 1800.0),)
    assert required.soaks[0].source == "/home/me/policy.yml:9"
    people = found.people
    assert people.by_key(OTHER).name == "ben"
    assert people.by_address("ANNA@example.com").name == "anna"
    assert people.by_key("SHA256:x") is people.by_address("x@y") is None


def test_a_key_is_known_by_its_fingerprint():
    from cdconf.artifacts.keys import parse

    assert parse(KEY, "x").id == ID
    assert policy(WHOLE).people.by_key(ID).name == "anna"


def test_groups_may_consist_of_groups_and_of_people():
    people = policy(WHOLE).people
    assert {name: one.groups for name, one in people.persons.items()} == {
        "anna": {"ops", "release"},
        "ben": {"security", "release"},
        "cleo": {"release"},
    }
    assert [one.name for one in people.members(("release",))] == ["anna", "ben", "cleo"]
    assert [one.name for one in people.members(("security", "anna"))] == ["anna", "ben"]
    assert len(people.members(())) == 3


def test_the_guide_s_policy_is_one():
    guide = (Path(__file__).parents[2] / "docs/guides/promotion.md").read_text()
    (text,) = [one for one in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL) if one.startswith("version: 1")]
    for number, key in enumerate(re.findall(r'"[^"]*…[^"]*"', text)):
        text = text.replace(key, f"SHA256:{str(number) * 43}", 1)
    found = policy(text)
    assert {one.name for one in found.people.members(("release",))} == {"anna", "ben", "cleo"}
    assert len(found.environments["production"].entries) == 3


BROKEN = {
    "no version": ("project: shop", 1, "the policy has no 'version'", None),
    "a newer version": ("version: 2\nnews: 1", 1, "this is version 2 of policies", "use a newer cdconf"),
    "an older version": ("version: 0", 1, "this is version 0 of policies", "there is: 1"),
    "unknown key": ("version: 1\nenvironmnets: {}", 2, "unknown key 'environmnets' in the policy", "environments"),
    "unknown key of an environment": (
        "version: 1\nenvironments:\n  production: {requires: []}",
        3,
        "unknown key 'requires' in environment 'production'",
        "require",
    ),
    "unknown requirement": (
        "version: 1\nenvironments:\n  production:\n    require:\n      - {aproval: 1}",
        5,
        "unknown key 'aproval' in require",
        None,
    ),
    "project": ("version: 1\nproject: A B", 2, "'A B' can't be a project's name", None),
    "store": ("version: 1\nstore: gs://x", 2, "isn't a directory or s3://bucket/prefix", None),
    "key": ("version: 1\npeople:\n  anna: {keys: [AAAA]}", 3, "neither a public key nor a fingerprint", "ssh-keygen"),
    "key's kind": (
        f"version: 1\npeople:\n  anna: {{keys: ['ssh-rsa {KEY.split()[1]}']}}",
        3,
        "neither a public key nor a fingerprint",
        None,
    ),
    "address": ("version: 1\npeople:\n  anna: {git: [anna]}", 3, "'anna' isn't an address", "example.com"),
    "key of two": (
        f"version: 1\npeople:\n  anna: {{keys: {ID}}}\n  ben: {{keys: ['{KEY}']}}",
        4,
        f"{ID} belongs to 'anna' already",
        "counts once",
    ),
    "address of two": (
        "version: 1\npeople:\n  anna: {git: a@b.c}\n  ben: {git: A@b.c}",
        4,
        "a@b.c belongs to 'anna' already",
        None,
    ),
    "a circle": (
        "version: 1\npeople:\n  anna: {groups: a}\ngroups:\n  a: [b]\n  b: [c]\n  c: [a]",
        5,
        "group 'a' can't belong to itself: a -> b -> c -> a",
        None,
    ),
    "of itself": ("version: 1\ngroups:\n  a: [a]", 3, "group 'a' can't belong to itself: a -> a", None),
    "unknown member": (
        "version: 1\npeople: {anna: {}}\ngroups:\n  a: [ana]",
        4,
        "group 'a' has an unknown member 'ana'",
        "anna",
    ),
    "person and group": (
        "version: 1\npeople:\n  ops: {groups: ops}",
        3,
        "'ops' is a person and a group",
        None,
    ),
    "approvals of strangers": (
        "version: 1\nenvironments:\n  p:\n    require:\n      - approvals: {from: oops}\npeople: {a: {groups: ops}}",
        5,
        "approvals of p are from 'oops', whom the policy doesn't know",
        "ops",
    ),
    "approvals of too few": (
        f"version: 1\nenvironments:\n  p:\n    require:\n      - approvals: {{count: 2}}\npeople:\n  a: {{keys: {ID}}}",
        5,
        "approvals of p ask for 2 people, and 1 with a key may approve",
        None,
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_with_a_policy_is_told_with_its_line(what):
    text, line, message, hint = BROKEN[what]
    with pytest.raises(InvalidFile) as caught:
        policy(text)
    assert message in caught.value.message
    assert (caught.value.file, caught.value.line) == ("/home/me/policy.yml", line)
    assert hint is None or hint in (caught.value.hint or "")
