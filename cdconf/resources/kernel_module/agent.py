"""Observes and applies kernel modules (modules-load.d(5), modprobe.d(5))."""

import glob
import os

from cdconf.agent import files, texts
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run_ok
from cdconf.agent.files import whole_file

LOAD, PROBE = "/etc/modules-load.d/cdconf-{}.conf", "/etc/modprobe.d/cdconf-{}.conf"
BY_HAND = ("/etc/modules", "/etc/modules-load.d/*.conf", "/usr/lib/modules-load.d/*.conf")


def observe(fields):
    """Loaded or built in, and what the files say; with `absent`, None when cdconf has no files for it."""
    name = fields["name"]
    if fields.get("absent") or not set(fields) & {"loaded", "at_boot", "options", "blacklisted"}:
        return {} if os.path.lexists(LOAD.format(name)) or os.path.lexists(PROBE.format(name)) else None
    loaded = os.path.isdir("/sys/module/" + name)
    if fields.get("loaded") and not loaded:
        programs.need("modprobe")
    state = parse(_own(PROBE.format(name)), name)
    state["loaded"] = loaded
    state["at_boot"] = _own(LOAD.format(name)) == name + "\n" or (bool(fields.get("at_boot")) and listed(name))
    return state


def _own(path):
    """The text of a file that's cdconf's alone; nothing of one that others could have written."""
    status = files.lstat(path)
    return whole_file.read_text(path) if status is not None and files.is_roots_alone(status) else ""


def parse(text, name):
    """`{options, blacklisted}` of a file of modprobe.d."""
    state = {"options": "", "blacklisted": False}
    for line in texts.lines(text):
        words = texts.words(line.partition("#")[0])
        if len(words) < 2 or words[1].replace("-", "_") != name:
            continue
        if words[0] == "options":
            state["options"] = " ".join(words[2:])
        elif words[0] == "blacklist":
            state["blacklisted"] = True
    return state


def listed(name):
    """Whether any file has the module loaded at boot."""
    for pattern in BY_HAND:
        for path in glob.glob(pattern):
            lines = texts.lines(whole_file.read_or_empty(path))
            if name in (texts.strip(line.partition("#")[0]).replace("-", "_") for line in lines):
                return True
    return False


def apply(fields, difference):
    """Options first, since they count when it's loaded; the boot's files last."""
    name = fields["name"]
    if difference.get("exists") == (True, False):
        whole_file.remove(LOAD.format(name))
        whole_file.remove(PROBE.format(name))
        return
    if "options" in difference or "blacklisted" in difference:
        _write_probe(fields, name)
    if "loaded" in difference:
        run_ok([programs.need("modprobe")] + ([] if fields["loaded"] else ["-r"]) + ["--", name], timeout=60)
    if "at_boot" in difference and fields["at_boot"]:
        _write(LOAD.format(name), name + "\n")
    elif "at_boot" in difference:
        whole_file.remove(LOAD.format(name))


def _write_probe(fields, name):
    path = PROBE.format(name)
    wanted = parse(whole_file.read_or_empty(path), name)
    wanted.update({key: fields[key] for key in ("options", "blacklisted") if key in fields})
    text = "options {} {}\n".format(name, wanted["options"]) if wanted["options"] else ""
    text += "blacklist {}\n".format(name) if wanted["blacklisted"] else ""
    if text:
        _write(path, text)
    else:
        whole_file.remove(path)


def _write(path, text):
    files.make_directory(os.path.dirname(path))
    whole_file.write(path, text, "0644")
