"""People, as the operator's policy knows them: by their keys, by their addresses in git, by their groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Person:
    """Somebody who may approve, or has written something.

    Attributes:
        name: As the policy has it.
        keys: Fingerprints, `SHA256:…`.
        addresses: In git, in lower case.
        groups: All groups to which the person belongs, also by way of others.
        source: `file:line`.
    """

    name: str
    keys: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class People:
    """Everybody whom a policy knows; a key or an address belongs to one person.

    Attributes:
        persons: By name.
        groups: The names of all groups, those with nobody in them included.
    """

    persons: Mapping[str, Person] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()

    def by_key(self, fingerprint: str) -> Person | None:
        """Whose key it is; None when nobody has it."""
        return next((person for person in self.persons.values() if fingerprint in person.keys), None)

    def by_address(self, address: str) -> Person | None:
        """Whose address in git it is; None when nobody has it."""
        return next((person for person in self.persons.values() if address.strip().lower() in person.addresses), None)

    def knows(self, name: str) -> bool:
        """Whether there's a person or a group of this name."""
        return name in self.persons or name in self.groups

    def are_of(self, person: Person, names: tuple[str, ...]) -> bool:
        """Whether a person is one of those that are named, or belongs to one of the groups; no names: anybody."""
        return not names or person.name in names or bool(person.groups & set(names))

    def members(self, names: tuple[str, ...]) -> list[Person]:
        """All who are named, or belong to a group that is; no names: everybody."""
        return [person for person in self.persons.values() if self.are_of(person, names)]
