"""The `cron` type."""

import re
from collections.abc import Mapping
from typing import Any

from cdconf.resources.cron import schedule
from cdconf.resources.spec import VALIDATE, Context, Field, Fields, ResourceType

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_INSTEAD = "give it by `env`, or have the command read a `file` that holds it"
_PARTS = tuple(name for name, *_ in schedule.FIELDS)


def _normalise(fields: Fields, context: Context) -> Fields:
    """Everything becomes the file's content."""
    name = fields["name"]
    if not _NAME.match(name):
        raise context.error(
            f"'{name}' can't name a cron job", "letters, digits, _ and -: cron ignores files whose names hold a dot"
        )
    if fields["absent"]:
        return {"name": name}
    if "content" in fields:
        raise context.error("the 'content' of a cron job is made of its parts", "a `file` can have any content")
    command = fields.pop("command", "").strip()
    if not command or re.search(r"[\n\r\0]", command):
        raise context.error("a cron job needs a command of one line", "put what is longer into a script")
    user = fields["user"]
    if not _USER.match(user):
        raise context.error(f"'{user}' can't be a user's name")
    lines = [_variable(key, value, context) for key, value in fields.pop("env", {}).items()]
    lines.append(f"{_schedule(fields, context)} {user} {escape(command)}")
    fields["content"] = "".join(line + "\n" for line in lines)
    return fields


def escape(command: str) -> str:
    """To cron an unescaped % is a new line (crontab(5))."""
    return re.sub(r"(?<!\\)%", r"\\%", command)


def _schedule(fields: Fields, context: Context) -> str:
    parts = {name: fields.pop(name) for name in _PARTS if name in fields}
    whole = fields.pop("schedule", None)
    if bool(parts) == (whole is not None):
        raise context.error("a cron job needs either a 'schedule' or some of " + ", ".join(_PARTS))
    try:
        return schedule.check(whole if whole is not None else " ".join(parts.get(name, "*") for name in _PARTS))
    except ValueError as error:
        raise context.error(f"the schedule is wrong: {error}", "see crontab(5)") from None


def _variable(name: Any, value: Any, context: Context) -> str:
    if not isinstance(name, str) or not _VARIABLE.match(name):
        raise context.error(f"'{name}' can't be a variable's name")
    if isinstance(value, (Mapping, list, bool)) or re.search(r'[\n\r\0"]', str(value)):
        raise context.error(f"the variable '{name}' of a cron job must be text of one line without double quotes")
    return f'{name}="{value}"'


TYPE = ResourceType(
    name="cron",
    purpose="Services and jobs",
    doc=(
        "A cron job: a file in /etc/cron.d. The host needs a cron that reads this directory: Debian's, "
        "cronie, bcron or systemd-cron. A command or variable that's too long for that cron is an error. Its "
        "output is mailed by cron to MAILTO, so redirect it or set `MAILTO: ''`. A percent sign in the "
        "command is escaped, since cron would make it a new line."
    ),
    title="name",
    fields={
        "name": Field("string", "The file's name."),
        "schedule": Field(
            "string", 'When: "*/5 * * * *", or @daily, @hourly, @weekly, @monthly, @reboot.', compare=False
        ),
        "minute": Field("string", "Instead of `schedule`: the minute.", compare=False),
        "hour": Field("string", "The hour; * when it isn't given.", compare=False),
        "day": Field("string", "The day of the month.", compare=False),
        "month": Field("string", "The month, 1 to 12 or jan to dec.", compare=False),
        "weekday": Field("string", "The day of the week, 0 to 7 or sun to sat.", compare=False),
        "command": Field("string", "What /bin/sh runs.", compare=False, public=True, instead=_INSTEAD),
        "user": Field("string", "As whom.", default="root", compare=False),
        "env": Field("map", "Variables such as PATH and MAILTO.", compare=False),
        "content": Field("string", "The file's content, which is made of the rest.", compare=True),
        "mode": Field("mode", "Permission bits; the file is always root's.", default="0644"),
        "validate": VALIDATE,
    },
    normalise=_normalise,
    paths=lambda fields: [f"/etc/cron.d/{fields['name']}"],
    example='cron: backup\nschedule: "30 2 * * *"\nuser: postgres\ncommand: /usr/local/bin/backup --day $(date +%F)\n',
)
