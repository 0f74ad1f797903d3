"""The `sudo_rule` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_COMMAND = re.compile(r"!?(ALL\Z|/|sudoedit |sha(224|256|384|512):|[A-Z][A-Z0-9_]*\Z)")
_HOST = re.compile(r"!?\+?[A-Za-z0-9_.*?\[\]:/-]+\Z")
_RUN_AS = re.compile(r"(?:%?#-?[0-9]+|[+%]?[A-Za-z0-9_.-]*)(?::(?:#[0-9]+|[A-Za-z0-9_.-]+))?\Z")
_DIGEST = re.compile(r"(!?sha(?:224|256|384|512):[A-Za-z0-9+/=]+[ \t]+)(.*)\Z", re.DOTALL)
_ID = re.compile(r"%?#-?[0-9]+\Z")
# What sudo reads as one character of a command, an escaped pattern character among them; and what ends a command.
_ESCAPED = re.compile(r"\\[][*?!^,:=# \t]|\\\\|[,:=#\\]")
_REGEX = re.compile(r"\S+[ \t]+\^.*\$\Z")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|#')
_PARTS = ("users", "groups", "hosts", "as", "commands", "nopasswd", "options")


def _normalise(fields: Fields, context: Context) -> Fields:
    """The parts become the line that sudoers(5) wants."""
    if not _NAME.match(fields["name"]):
        raise context.error(
            f"'{fields['name']}' can't name a sudo rule",
            "letters, digits, _ and -: sudo ignores files whose names hold a dot or end in ~",
        )
    parts = {name: fields.pop(name) for name in _PARTS if name in fields}
    if fields["absent"]:
        return {"name": fields["name"]}
    if "content" in fields:
        if set(parts) - {"hosts", "as", "nopasswd"}:
            raise context.error("'content' is the whole rule: it excludes " + ", ".join(sorted(parts)))
        fields["content"] = fields["content"].rstrip("\n") + "\n"
        return fields
    fields["content"], fields["commands"] = _content(parts, context)
    return fields


def _content(parts: Fields, context: Context) -> tuple[str, list[str]]:
    """The rule, and its commands as they're written there, without their digests."""
    who = [_name(user, context) for user in parts.get("users", [])]
    who += [_name(group, context, "%") for group in parts.get("groups", [])]
    if not who:
        raise context.error("a sudo rule needs 'users' or 'groups' (or 'content')")
    if not parts.get("commands"):
        raise context.error("a sudo rule needs 'commands'", "`commands: ALL` is all of them")
    for one in parts["as"]:
        if not _RUN_AS.match(one):
            raise context.error(f"'{one}' can't be a user to run as", "such as root, postgres, or www-data:www-data")
    for one in parts["hosts"]:
        if not _HOST.match(one):
            raise context.error(f"'{one}' can't be a host of a sudo rule", "a name, an address or a network")
    commands = [_command(command, context) for command in parts["commands"]]
    tag = "NOPASSWD: " if parts["nopasswd"] else ""
    lines = [f"Defaults:{', '.join(who)} {_option(option, context)}\n" for option in parts.get("options", [])]
    allowed = ", ".join(digest + command for digest, command in commands)
    lines.append(f"{', '.join(who)} {', '.join(parts['hosts'])} = ({', '.join(parts['as'])}) {tag}{allowed}\n")
    return "".join(lines), [command for _, command in commands]


def _line(text: str, context: Context) -> str:
    text = text.strip(" \t")
    if not text or re.search(r"[\n\r\0]", text):
        raise context.error("a part of a sudo rule is empty or has more than one line")
    return text


def _name(text: str, context: Context, kind: str = "") -> str:
    """A user or group, its special characters escaped; `!` before it excepts it, and `#1000` is an id."""
    text = _line(text, context)
    if "\t" in text:
        raise context.error("a name in a sudo rule can't hold a tab")
    excepted = "!" if text.startswith("!") else ""
    text = kind + text[len(excepted) :].lstrip(kind or None)
    return excepted + (text if _ID.match(text) else re.sub(r'([ #>,:=!()"\\])', r"\\\1", text))


def _option(text: str, context: Context) -> str:
    """A default: `#` outside of quotes would begin a comment, a backslash at the end take the next line in."""
    text = _line(text, context)
    if _QUOTED.sub("", text).endswith("\\"):
        raise context.error(f"'{text}' ends in a backslash: sudo would read the next line as a part of it")
    return _QUOTED.sub(lambda found: r"\#" if found[0] == "#" else found[0], text)


def _command(text: str, context: Context) -> tuple[str, str]:
    """A command's digest, and the command with `,`, `:`, `=` and `#` escaped, unless they are already.

    A backslash before what's special to sudo escapes it; any other is a backslash, which sudo must see twice: once to
    read the rule, once to compare the command with the pattern in it.
    """
    text = _line(text, context)
    if not _COMMAND.match(text):
        raise context.error(f"sudo needs the whole path of a command: '{text}'", "such as /usr/bin/systemctl")
    found = _DIGEST.match(text)
    digest, command = found.groups() if found else ("", text)
    if _REGEX.match(command):  # since sudo 1.9.10, in which these keep their backslashes, and end at # alone
        return digest, re.sub(r"\\.|#", lambda found: r"\#" if found[0] == "#" else found[0], command)
    return digest, _ESCAPED.sub(_escaped, command)


def _escaped(found: re.Match[str]) -> str:
    if found[0] in ("\\", "\\\\"):
        return "\\" * 4
    return found[0] if len(found[0]) > 1 else "\\" + found[0]


TYPE = ResourceType(
    name="sudo_rule",
    purpose="Users and access",
    doc=(
        "What users may do with sudo: a file in /etc/sudoers.d. visudo must accept the file before it's "
        "installed. The rule is built from its fields, or given whole as `content`."
    ),
    title="name",
    fields={
        "name": Field(
            "string",
            "The file's name. sudo reads the files in the order of their names; a later file overrides an earlier one.",
        ),
        "users": Field("list", "Users that the rule is for, `#1000` is an id; all but `!bob`.", compare=False),
        "groups": Field("list", "Groups that the rule is for, without the %.", compare=False),
        "hosts": Field("list", "Hosts on which it holds.", default=["ALL"], compare=False),
        "as": Field(
            "list", "Users to run as: `root`, `postgres`, `www-data:www-data`.", default=["ALL"], compare=False
        ),
        "commands": Field(
            "list",
            "Commands with their whole path and arguments, or ALL. `*`, `?` and `[a-z]` are patterns, `\\*` is a star. "
            "`,`, `:`, `=` and `#` need no backslash.",
            compare=False,
        ),
        "nopasswd": Field("boolean", "Don't ask for the user's password.", default=False, compare=False),
        "options": Field("list", "Defaults for these users: `!requiretty`, `env_keep += HOME`.", compare=False),
        "content": Field("string", "The whole rule, in the syntax of sudoers(5)."),
        "mode": Field("mode", "Permission bits; the file is always root's.", default="0440", choices=("0440", "0400")),
    },
    normalise=_normalise,
    paths=lambda fields: [f"/etc/sudoers.d/{fields['name']}"],
    example="sudo_rule: deploy\nusers: deploy\ncommands: /usr/bin/systemctl restart shop\nnopasswd: true\n",
)
