"""Why a host isn't as its files want it: somebody changed it, or it wasn't applied yet, told field by field."""

BY_HAND, NOT_APPLIED, BOTH, UNKNOWN = "by_hand", "not_applied", "both", "unknown"


class ResourceCauses(object):
    """Why one resource differs.

    Args:
        by_hand: Names of the fields that aren't as they were applied; `exists` for the thing itself.
        not_applied: Names of those that the files want otherwise than they were applied.
        unknown: Whether an older cdconf applied it, and kept too little to tell.
    """

    def __init__(self, by_hand=(), not_applied=(), unknown=False):
        self.fields = {BY_HAND: sorted(by_hand), NOT_APPLIED: sorted(not_applied)}
        self.unknown = unknown

    @property
    def cause(self):
        """One of the four words."""
        if self.unknown:
            return UNKNOWN
        if self.fields[BY_HAND]:
            return BOTH if self.fields[NOT_APPLIED] else BY_HAND
        return NOT_APPLIED

    @property
    def is_by_hand(self):
        """Whether somebody changed what was applied, whatever the files want by now."""
        return self.cause in (BY_HAND, BOTH)

    def document(self):
        """`{"cause", "fields"}`, as events have them."""
        return {"cause": self.cause, "fields": {name: names for name, names in self.fields.items() if names}}


def of_difference(applied, resource, differing, changed=None):
    """The causes of a difference.

    Args:
        applied: What the host remembers, see `AppliedResources`.
        resource: The catalog's entry: one of its declarations, where several roles declare it.
        differing: See `compare.difference`.
        changed: The same between what was applied and what's there, where the files want something else by now; None
            where it isn't known, so that the MACs have to tell.
    """
    entry = applied.entries.get(resource["id"])
    if entry is None:
        return ResourceCauses(not_applied=differing)
    if applied.is_last_applied(resource):
        return ResourceCauses(by_hand=differing)
    wanted = _wanted(applied, entry, resource, differing)
    if changed is not None:
        by_hand = [name for name in changed if name in differing or name == "exists"]
        return ResourceCauses(by_hand, wanted or (() if by_hand else differing))
    was_there = "absent" not in entry
    if "exists" in differing or not was_there:
        is_there = "exists" not in differing or differing["exists"][0]
        return ResourceCauses(["exists"] if is_there != was_there else (), wanted)
    if "macs" not in entry:
        return ResourceCauses(unknown=True)
    macs = entry["macs"]
    by_hand = [name for name, (old, _) in differing.items() if name in macs and applied.mac(old) != macs[name]]
    return ResourceCauses(by_hand, wanted or (() if by_hand else differing))


def _wanted(applied, entry, resource, differing):
    """The fields that the files want otherwise than they were applied."""
    if resource["absent"] == ("absent" not in entry):
        return ["exists"]
    macs = entry.get("macs", {})
    return [name for name, (_, new) in differing.items() if name != "exists" and applied.mac(new) != macs.get(name)]


def of_obstacle(applied, resource, changed=None):
    """The causes of something that is in the way of a resource; the arguments are as above."""
    if resource["id"] not in applied.entries:
        return ResourceCauses(not_applied=["exists"])
    if applied.is_last_applied(resource):
        return ResourceCauses(by_hand=["exists"])
    return ResourceCauses(["exists"] if changed else (), ["exists"], unknown=changed is None)
