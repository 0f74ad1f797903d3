"""Observes and applies files of /etc/sudoers.d."""

import json

from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run
from cdconf.agent.errors import Failed
from cdconf.agent.files import whole_file

FOLDER = "/etc/sudoers.d/"


def observe(fields):
    """Content and mode; None when there's no rule. Raises `Missing` without sudo."""
    return whole_file.observe(FOLDER + fields["name"])


def apply(fields, difference):
    """A rule that visudo refuses never goes live: one bad file locks everybody out of sudo."""
    path = FOLDER + fields["name"]
    if difference.get("exists") == (True, False):
        whole_file.remove(path)
        return
    _compare(fields)
    whole_file.write(path, fields["content"], fields["mode"], programs.need("visudo") + " -cf {}")


def _compare(fields):
    """Raises `Failed` when sudo would understand other commands than the wanted ones, where a program can tell."""
    program = programs.find("cvtsudoers") if "commands" in fields else None
    result = run([program, "-f", "json", "-"], input=fields["content"], timeout=60) if program else None
    if result is None or result.status != 0:
        return  # a rule that can't be read is refused by visudo, with its reason
    try:
        (rule,) = json.loads(result.out)["User_Specs"]
        found = [one for some in rule["Cmnd_Specs"] for one in some["Commands"]]
        understood = ["!" * one.get("negated", False) + (one.get("command") or one["cmndalias"]) for one in found]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failed("can't read how sudo understands the rule", output=result.out)
    if [_bare(one) for one in understood] != [_bare(one) for one in fields["commands"]]:
        raise Failed("sudo would understand other commands than those: " + ", ".join(understood))


def _bare(command):
    """A command without blanks and backslashes, which sudo takes away or keeps, as its versions differ."""
    return command.translate({ord(one): None for one in " \t\\"})
