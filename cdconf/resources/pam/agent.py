"""Observes and edits rules of PAM's services (pam.d(5)), each file replaced as a whole."""

import glob
import os
import re

from cdconf.agent import files, texts
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import whole_file

FOLDER = "/etc/pam.d/"
LIBRARIES = "/usr/lib/security", "/usr/lib64/security", "/lib/security", "/lib64/security", "/lib/*/security"
_LINES = re.compile(r"(?:[^\n]*\\\n)*[^\n]*\n|(?:[^\n]*\\\n)*[^\n]+\Z")
_WORD = re.compile(r"\[[^\]]*\]|[^ \t\r\n]+")
_JUMP = re.compile("(?<==)([0-9]+)")
INCLUDE = "@include"


class Rule(object):
    """A line of a stack as it stands; `type` is None of what's no rule."""

    def __init__(self, text):
        self.text = text
        words = _WORD.findall(text.replace("\\\n", " ").partition("#")[0])
        self.type = self.module = None
        if words[:1] == [INCLUDE]:
            self.type, self.module = INCLUDE, words[-1]
        elif len(words) > 2:
            self.type, self.control, self.module = words[0].lstrip("-").lower(), words[1], words[2]
            self.arguments = words[3:]
        self.includes = self.type == INCLUDE or (bool(self.type) and self.control in ("include", "substack"))


def _read(fields):
    """All lines of the service's file, and the rules among them that are of the type, or may bring such."""
    path = FOLDER + fields["service"]
    if files.readlink(path) is not None:
        raise Failed("'{}' is a link: manage what makes it, such as authselect".format(path))
    try:
        rules = [Rule(text) for text in _LINES.findall(whole_file.read_text(path))]
    except FileNotFoundError:
        raise Missing("file", path)
    return rules, _stack(rules, fields)


def _stack(rules, fields):
    return [rule for rule in rules if rule.type in (fields["type"], INCLUDE)]


def _find(stack, fields):
    """The rule; None when it isn't there."""
    found = [
        one
        for one in stack
        if one.type != INCLUDE
        and one.module == fields["module"]
        and ("having" not in fields or fields["having"] in one.arguments)
    ]
    if len(found) > 1:
        text = "{}{} has {} such rules: `having` names an argument that only one of them has"
        raise Failed(text.format(FOLDER, fields["service"], len(found)))
    return found[0] if found else None


def observe(fields):
    """Control, arguments and place."""
    _, stack = _read(fields)
    rule = _find(stack, fields)
    if rule is None:
        return None
    state = {"control": " ".join(texts.words(rule.control)), "arguments": rule.arguments}
    place = stack.index(rule)
    state["first"], state["last"] = place == 0, place == len(stack) - 1
    for name in ("before", "after"):
        if name in fields:
            right = (place < _anchor(stack, fields[name])) == (name == "before")
            state[name] = fields[name] if right else "(it isn't)"
    return state


def _anchor(stack, module):
    for place, one in enumerate(stack):
        if one.module == module:
            return place
    raise Failed("there's no rule of {} that it could stand before or after".format(module))


def apply(fields, difference):
    """Changes the rule in its place, or puts it into another one, and keeps jumps leading where they led."""
    rules, stack = _read(fields)
    rule, goes = _find(stack, fields), difference.get("exists") == (True, False)
    dash = rule is not None and texts.strip(rule.text).startswith("-")
    if not (goes or dash):
        _check_module(fields)
    old, fresh = stack, None
    if rule is not None and (goes or set(difference) & {"before", "after", "first", "last"}):
        rules.remove(rule)
    if not goes:
        fresh = Rule("-" * dash + _text(fields, rule))
        if rule in rules:
            rules[rules.index(rule)] = fresh
        else:
            _put(rules, fresh, fields)
        old = [fresh if one is rule else one for one in old]
    stack = _stack(rules, fields)
    if not stack and fields["type"] in ("auth", "account"):
        raise Failed("it's the last rule for {}: without one, nobody could log in".format(fields["type"]))
    _adapt(old, stack, fresh)
    whole_file.edit(FOLDER + fields["service"], "".join(one.text for one in rules))


def _check_module(fields):
    """Raises `Missing` for a module that isn't installed: a stack with such a rule refuses everybody."""
    module = fields["module"]
    if fields["control"] in ("include", "substack"):
        if files.lstat(FOLDER + module) is None:
            raise Missing("file", FOLDER + module)
    elif not any(glob.glob(os.path.join(one, module)) for one in LIBRARIES):
        raise Missing("PAM module", module)


def _text(fields, rule):
    arguments = fields.get("arguments", rule.arguments if rule else [])
    return "{}\t{}\t{}\n".format(fields["type"], fields["control"], " ".join([fields["module"]] + arguments))


def _put(rules, fresh, fields):
    if rules and not rules[-1].text.endswith("\n"):
        rules[-1].text += "\n"
    stack = _stack(rules, fields)
    place = len(stack)
    if "first" in fields:
        place = 0
    elif "before" in fields:
        place = _anchor(stack, fields["before"])
    elif "after" in fields:
        place = _anchor(stack, fields["after"]) + 1
    if place < len(stack):
        rules.insert(rules.index(stack[place]), fresh)
    else:
        rules.insert(rules.index(stack[-1]) + 1 if stack else len(rules), fresh)


def _adapt(old, new, fresh):
    """Gives the jumps of all rules but the fresh one the lengths by which they lead where they led."""
    while old:
        rule = old[0]
        if rule is not fresh and rule in new and rule.type != INCLUDE and old != new[new.index(rule) :]:
            control = "".join(
                _length(old, new, int(part)) if place % 2 else part
                for place, part in enumerate(_JUMP.split(rule.control))
            )
            rule.text = rule.text.replace(rule.control, control, 1)
        old = old[1:]


def _length(old, new, number):
    """How many rules a jump skips by now; `old` begins with the rule that jumps."""
    rest = old[number + 1 :]
    if len(old) <= number or any(one.includes for one in old[1 : number + 1]):
        raise Failed("nobody can tell where the jump of '{}' would lead then".format(texts.strip(old[0].text)))
    # Of a rule that was removed, what follows it is what's reached.
    target = next((new.index(one) for one in rest if one in new), len(new))
    length = target - new.index(old[0]) - 1
    if length < 1:
        raise Failed("the jump of '{}' would lead nowhere then".format(texts.strip(old[0].text)))
    return str(length)
