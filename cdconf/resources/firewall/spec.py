"""The `firewall` type."""

import re

from cdconf.resources.firewall.rules import body, parse
from cdconf.resources.spec import Context, Field, Fields, ResourceType

_NAME = re.compile(r"[a-zA-Z0-9_]{1,24}\Z")
_QUIET = re.compile(r'"[^"\n]*"|#[^\n]*')


def _normalise(fields: Fields, context: Context) -> Fields:
    """Entries become nft's syntax; the whole is one table, replaced in one transaction."""
    name = fields["name"]
    if not _NAME.match(name):
        raise context.error(f"'{name}' can't name a firewall", "up to 24 letters, digits and _")
    if fields["absent"]:
        return {"name": name}
    if "content" in fields:
        if "rules" in fields or "policy" in fields:
            raise context.error("'content' is the whole table: it excludes 'rules' and 'policy'")
        inside = _checked(fields["content"], fields, context)
    else:
        try:
            fields["rules"] = [parse(entry) for entry in fields.get("rules", [])]
        except ValueError as error:
            raise context.error(str(error)) from None
        fields["policy"] = fields.get("policy", "drop")
        inside = body(fields["policy"], fields["rules"])
    table = f"table inet cdconf_{name}"
    fields["content"] = f"{table}\ndelete {table}\n{table} {{\n{inside}}}\n"
    return fields


def _checked(content: str, fields: Fields, context: Context) -> str:
    """Raw content must stay in its table, and can't be judged: someone has to say that it locks nobody out."""
    depth = 0
    plain = _QUIET.sub("", content)
    for letter in plain:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth < 0:
            break
    if depth != 0:
        raise context.error("the braces in 'content' aren't balanced", "it's what stands inside `table inet … { }`")
    if re.search(r"\bhook\s+input\b", plain) and not fields["allow_lockout"]:
        raise context.error(
            "cdconf can't tell whether raw 'content' with an input chain locks it out",
            "use `rules`, or say `allow_lockout: true` when you're sure",
        )
    return content.rstrip("\n") + "\n"


TYPE = ResourceType(
    name="firewall",
    purpose="Network",
    doc=(
        "An nftables packet filter in its own table, `inet cdconf_NAME`. Tables of Docker and other programs "
        "are left alone; a packet must be accepted by all tables. The table is replaced in one transaction, "
        "stored in /etc/nftables.d/cdconf-NAME.nft, and loaded at boot by nftables.service. Loopback, "
        "established connections, ICMP and DHCPv6 answers are always accepted. Rules that somebody adds or "
        "deletes by hand are drift. Rules that would block cdconf's own SSH connection are an error, unless "
        "`allow_lockout` is given."
    ),
    title="name",
    fields={
        "name": Field("string", "The table's name, without cdconf_."),
        "policy": Field(
            "string",
            "What happens to packets that match no rule: drop (the default) or accept.",
            choices=("drop", "accept"),
            compare=False,
        ),
        "rules": Field(
            "list",
            "Entries in their order: `accept`, `drop` or `reject` with ports, ranges or `all`; `from`: networks; "
            "`protocol`: tcp (the default with ports), udp, sctp, icmp; `interface`; `comment`.",
            compare=False,
            members="any",
        ),
        "content": Field("string", "Instead of `rules`: chains and sets in nft's syntax, as inside a table."),
        "loaded": Field("boolean", "The kernel has exactly these rules.", default=True, choices=(True,)),
        "at_boot": Field("boolean", "They're loaded at boot.", default=True, choices=(True,)),
        "allow_lockout": Field(
            "boolean", "Apply them even if they refuse cdconf's own connection.", default=False, compare=False
        ),
    },
    normalise=_normalise,
    paths=lambda fields: [f"/etc/nftables.d/cdconf-{fields['name']}.nft"],
    example=(
        "firewall: host\npolicy: drop\nrules:\n  - {accept: 22, from: [10.0.0.0/8, 'fd00::/8'], comment: operators}\n"
        "  - {accept: [80, 443]}\n  - {accept: 8000-8100, protocol: [tcp, udp], interface: eth1}\n"
    ),
)
