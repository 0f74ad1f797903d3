"""Observes and generates locales (locale.gen(5), locale.conf(5))."""

import os
import re

from cdconf.agent import texts
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run_ok
from cdconf.agent.errors import Failed
from cdconf.agent.files import whole_file

LIST, DEBIAN, SYSTEMD = "/etc/locale.gen", "/etc/default/locale", "/etc/locale.conf"
BUILT_IN = ("C", "POSIX", "C.UTF-8")


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """Whether each can be used and is the default; one call of locale(1) for all that aren't built in."""
    known = set()
    if any(fields["name"] not in BUILT_IN for fields in many):
        known = {_plain(name) for name in texts.words(run_ok([programs.need("locale"), "-a"], timeout=30).out)}
    listed = whole_file.read_or_empty(LIST)
    text = whole_file.read_or_empty(_default_file())
    return [_state(fields, known, listed, text) for fields in many]


def _state(fields, known, listed, text):
    name = fields["name"]
    there = name in BUILT_IN or _plain(name) in known
    if fields.get("absent") or "generated" not in fields:  # it's to be removed
        return {} if name not in BUILT_IN and (there or is_listed(listed, name)) else None
    if not there:
        programs.need("locale-gen")
    generated = there and (name in BUILT_IN or not listed or is_listed(listed, name))
    return {"generated": generated, "default": language(text) == name}


def _plain(name):
    """`locale -a` shows de_DE.UTF-8 as de_DE.utf8."""
    stem, dot, rest = name.partition(".")
    codeset, at, modifier = rest.partition("@")
    return stem + dot + codeset.lower().replace("-", "") + at + modifier


def is_listed(text, name):
    """Whether locale.gen's text has a line for the locale that isn't commented out."""
    return re.search(r"^[ \t]*" + re.escape(name) + r"([ \t]|$)", text, re.MULTILINE) is not None


def put(text, name, wanted):
    """locale.gen's text with the locale's line there, or commented out."""
    if wanted and not is_listed(text, name):
        line = "{} {}".format(name, name.partition(".")[2].partition("@")[0])
        commented = re.compile(r"^[ \t]*#[ \t]*" + re.escape(name) + r"[ \t].*$", re.MULTILINE)
        changed, count = commented.subn(lambda _: line, text, count=1)
        if count:
            return changed
        return text + ("" if text.endswith("\n") or not text else "\n") + line + "\n"
    if not wanted:
        return re.sub(r"^[ \t]*(" + re.escape(name) + r"([ \t].*)?)$", r"# \1", text, flags=re.MULTILINE)
    return text


def language(text):
    """LANG's value of a file of shell-like assignments; None without one."""
    found = re.findall(r"""^[ \t]*LANG=["']?([^"'\s]*)["']?[ \t]*$""", text, re.MULTILINE)
    return found[-1] if found else None


def put_language(text, name):
    """The text with LANG set (None takes it out), all else kept."""
    kept = [line for line in texts.whole_lines(text) if not re.match(r"[ \t]*LANG=", line)]
    if name is not None:
        kept.insert(0, "LANG={}\n".format(name))
    return "".join(kept)


def _default_file():
    """Debian's own file where it's used; it may be a link to the common one."""
    debian = os.path.exists(DEBIAN) or (os.path.isdir(os.path.dirname(DEBIAN)) and not os.path.exists(SYSTEMD))
    return os.path.realpath(DEBIAN if debian else SYSTEMD)


def apply(fields, difference):
    """Generated first, since a default that isn't there breaks logins."""
    name = fields["name"]
    removal = difference.get("exists") == (True, False)
    if removal or "generated" in difference:
        _generate(name, not removal)
    path = _default_file()
    text = whole_file.read_or_empty(path)
    if removal or "default" in difference:
        wanted = name if fields.get("default") and not removal else None
        if wanted or language(text) == name:
            whole_file.write(path, put_language(text, wanted), "0644")


def _generate(name, wanted):
    generate = programs.need("locale-gen")
    text = whole_file.read_or_empty(LIST)
    if name not in BUILT_IN:
        whole_file.write(LIST, put(text, name, wanted), "0644")
    supported = whole_file.read_or_empty("/usr/share/i18n/SUPPORTED")
    if wanted and supported and not is_listed(supported, name):
        whole_file.write(LIST, text, "0644")
        raise Failed("this host can't generate '{}': it isn't in /usr/share/i18n/SUPPORTED".format(name))
    run_ok([generate], timeout=600)
