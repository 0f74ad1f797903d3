"""The `sudo_rule` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_COMMAND = re.compile(r"!?(ALL\Z|/|sudoedit |sha(224|256|384|512):|[A-Z][A-Z0-9_]*\Z)")
_RUN_AS = re.compile(r"[A-Za-z0-9_.%#-]*(:[A-Za-z0-9_.%#-]+)?\Z")
_DIGEST = re.compile(r"(!?sha(?:224|256|384|512):\S+\s+)(.*)\Z", re.DOTALL)
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
    fields["content"] = _content(parts, context)
    return fields


def _content(parts: Fields, context: Context) -> str:
    who = [_name(user, context) for user in parts.get("users", [])]
    who += [_name("%" + group.lstrip("%"), context) for group in parts.get("groups", [])]
    if not who:
        raise context.error("a sudo rule needs 'users' or 'groups' (or 'content')")
    if not parts.get("commands"):
        raise context.error("a sudo rule needs 'commands'", "`commands: ALL` is all of them")
    run_as = ", ".join(parts["as"])
    for one in parts["as"]:
        if not _RUN_AS.match(one):
            raise context.error(f"'{one}' can't be a user to run as", "such as root, postgres, or www-data:www-data")
    commands = ", ".join(_command(command, context) for command in parts["commands"])
    tag = "NOPASSWD: " if parts["nopasswd"] else ""
    lines = [f"Defaults:{', '.join(who)} {_line(option, context)}\n" for option in parts.get("options", [])]
    hosts = ", ".join(_line(host, context) for host in parts["hosts"])
    lines.append(f"{', '.join(who)} {hosts} = ({run_as}) {tag}{commands}\n")
    return "".join(lines)


def _line(text: str, context: Context) -> str:
    if not text.strip() or re.search(r"[\n\r\0]", text):
        raise context.error("a part of a sudo rule is empty or has more than one line")
    return text.strip()


def _name(text: str, context: Context) -> str:
    """A user or group; sudoers(5) wants its special characters escaped."""
    return re.sub(r'([\s,:=!()"\\])', r"\\\1", _line(text, context))


def _command(text: str, context: Context) -> str:
    """A command with `,`, `:`, `=` escaped, unless they are already."""
    text = _line(text, context)
    if not _COMMAND.match(text):
        raise context.error(f"sudo needs the whole path of a command: '{text}'", "such as /usr/bin/systemctl")
    digest = _DIGEST.match(text)
    prefix, rest = digest.groups() if digest else ("", text)
    return prefix + re.sub(r"(?<!\\)([,:=])", r"\\\1", rest)


TYPE = ResourceType(
    name="sudo_rule",
    doc=(
        "What users may do with sudo: a file in /etc/sudoers.d, which visudo must accept before it goes live. Its "
        "content is made of the parts, or given whole as `content`."
    ),
    title="name",
    fields={
        "name": Field("string", "The file's name. Later names win over earlier ones."),
        "users": Field("list", "Users that the rule is for.", compare=False),
        "groups": Field("list", "Groups that the rule is for, without the %.", compare=False),
        "hosts": Field("list", "Hosts on which it holds.", default=["ALL"], compare=False),
        "as": Field(
            "list", "Users to run as: `root`, `postgres`, `www-data:www-data`.", default=["ALL"], compare=False
        ),
        "commands": Field("list", "Commands with their whole path and arguments, or ALL.", compare=False),
        "nopasswd": Field("boolean", "Don't ask for the user's password.", default=False, compare=False),
        "options": Field("list", "Defaults for these users: `!requiretty`, `env_keep += HOME`.", compare=False),
        "content": Field("string", "The whole rule, in the syntax of sudoers(5)."),
        "mode": Field("mode", "Permission bits; the file is always root's.", default="0440", choices=("0440", "0400")),
    },
    normalise=_normalise,
    paths=lambda fields: [f"/etc/sudoers.d/{fields['name']}"],
    example="sudo_rule: deploy\nusers: deploy\ncommands: /usr/bin/systemctl restart shop\nnopasswd: true\n",
)
