"""Every key that inventories/ENV/waivers.yml may have; see `keys`."""

from __future__ import annotations

from cdconf.inventory.key import Key

DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

WAIVER = {
    "host": Key("text", "The host of the finding, or a group or pattern as in `--limit`.", required=True),
    "type": Key(
        "text", "The finding's type: a resource type, or `release`, `toggles`, `handler`, `orphan`.", required=True
    ),
    "title": Key(
        "text",
        "The finding's title, exactly as `drift` shows it. For an orphan: the former resource's type and "
        "title, `file /etc/old`.",
        required=True,
    ),
    "until": Key("text", "The last day on which the waiver holds, by UTC: `2027-01-31`.", required=True, pattern=DAY),
    "reason": Key("text", "Why the finding is accepted until then.", required=True),
    "unknown": Key("boolean", "Whether the waiver also holds when `drift` can't compare the resource.", default=False),
    "by": Key("text", "Who added the waiver; `cdconf waiver` writes this."),
    "added": Key("text", "The day on which it was added.", pattern=DAY),
}
WAIVERS = {
    "waivers": Key(
        "list",
        "Findings of `drift` that are accepted until a given day. `cdconf waiver` adds and removes them.",
        member=Key("map", "A waiver.", keys=WAIVER),
        nullable=True,
    )
}
