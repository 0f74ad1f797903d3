"""The `limits` type."""

import re
from collections.abc import Mapping
from typing import Any

from cdconf.resources.spec import VALIDATE, Context, Field, Fields, ResourceType

_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")
_DOMAIN = re.compile(r"(\*|%|[@%]?[A-Za-z0-9_:][A-Za-z0-9_.:-]*\$?)\Z")
ITEMS = (
    "core", "data", "fsize", "memlock", "nofile", "rss", "stack", "cpu", "nproc", "as", "maxlogins", "maxsyslogins",
    "nonewprivs", "priority", "locks", "sigpending", "msgqueue", "nice", "rtprio",
)  # fmt: skip
UNLIMITED = ("unlimited", "infinity", "-1")
_KINDS = (("soft", "soft"), ("hard", "hard"), ("both", "-"))
_NEGATIVE = ("nice", "priority")


def _normalise(fields: Fields, context: Context) -> Fields:
    """The limits become the file's lines."""
    name = fields["name"]
    if not _NAME.match(name) or name.startswith("."):
        raise context.error(f"'{name}' can't name a file of limits", "letters, digits, _ - and .")
    if fields["absent"]:
        return {"name": name}
    if "content" in fields:
        raise context.error("the 'content' of limits is made of their parts", "a `file` can have any content")
    domain = fields.pop("domain", name)
    if not _DOMAIN.match(domain):
        raise context.error(f"'{domain}' can't be whom limits are for", "a user, @group, or *")
    given = {kind: _checked(kind, fields.pop(kind, {}), context) for kind, _ in _KINDS}
    if not any(given.values()):
        raise context.error("limits need 'soft', 'hard' or 'both'", "such as `both: {nofile: 65536}`")
    for item, soft in given["soft"].items():
        hard = given["hard"].get(item)
        if item in given["both"] or (hard is not None and _size(soft) > _size(hard)):
            raise context.error(f"the soft limit of {item} contradicts the other one")
    lines = [f"{domain} {word} {item} {value}\n" for kind, word in _KINDS for item, value in given[kind].items()]
    fields["content"] = "".join(lines)
    return fields


def _checked(kind: str, limits: Mapping[Any, Any], context: Context) -> dict[str, str]:
    checked = {}
    for item, value in limits.items():
        if item not in ITEMS:
            raise context.error(f"'{item}' is no limit", "there are " + ", ".join(ITEMS))
        text = "unlimited" if str(value) in UNLIMITED and item not in _NEGATIVE else str(value)
        number = text.removeprefix("-") if item in _NEGATIVE else text
        is_number = number.isascii() and number.isdigit()
        if isinstance(value, bool) or not (is_number or (text == "unlimited" and item != "nofile")):
            hint = "nofile needs a number" if item == "nofile" else "a whole number, or unlimited"
            raise context.error(f"'{value}' can't be the {kind} limit of {item}", hint)
        checked[item] = text
    return checked


def _size(text: str) -> float:
    return float("inf") if text == "unlimited" else float(text)


TYPE = ResourceType(
    name="limits",
    purpose="Users and access",
    doc=(
        "Limits of logins (pam_limits): a file in /etc/security/limits.d. They apply from the next login on. "
        "They don't apply to systemd services, which have their own limits (LimitNOFILE= in a unit)."
    ),
    title="name",
    fields={
        "name": Field("string", "The file's name, without .conf. Later names win over earlier ones."),
        "domain": Field("string", "Whom they're for: a user (the title by default), @group, or *.", compare=False),
        "soft": Field("map", "Limits that a process may raise up to the hard one.", compare=False),
        "hard": Field("map", "Limits that only root may raise.", compare=False),
        "both": Field("map", "Limits that are soft and hard at once, such as {nofile: 65536}.", compare=False),
        "content": Field("string", "The file's content, which is made of the rest."),
        "mode": Field("mode", "Permission bits; the file is always root's.", default="0644"),
        "validate": VALIDATE,
    },
    normalise=_normalise,
    paths=lambda fields: [f"/etc/security/limits.d/{fields['name']}.conf"],
    example="limits: shop\nsoft: {nofile: 16384}\nhard: {nofile: 65536}\nboth: {core: 0, memlock: unlimited}\n",
)
