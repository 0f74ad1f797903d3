"""Observes the kernel's rules with one nft call, and replaces them in one transaction."""

import glob
import hashlib
import ipaddress
import json
import os
import re

from cdconf.agent import files, texts
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import last_lines, run, run_ok
from cdconf.agent.converge import compare
from cdconf.agent.errors import Failed
from cdconf.agent.files import whole_file
from cdconf.agent.system import connection

FOLDER = "/etc/nftables.d"
MARK = "# loaded: "
CONFIGURATIONS = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf", "/etc/nftables.nft")
STARTED = ("/etc/systemd/system/*.wants/nftables.service", "/etc/runlevels/*/nftables")
_ELEMENTS = re.compile(r"\n[ \t]*elements = \{[^}]*\}")
UNSTEADY = ("handle", "packets", "bytes", "used", "expires")


def observe(fields):
    """The file's content, and whether the kernel has what it had after it was loaded.

    nft doesn't list rules as they were written, so applying notes the digest of what the kernel then had in the
    file's last line; that's what the kernel's rules are compared with. The list beside the file tells people which.
    """
    programs.need("nft")
    content, digest = _stored(fields)
    live = _live(fields)
    if content is None and live is None:
        return None
    state = {
        "content": content or "",
        "loaded": live is not None and _digest(live) == digest,
        "at_boot": _at_boot(fields),
    }
    if fields.get("absent"):
        return state
    if not state["loaded"] or state["content"] != fields.get("content"):
        check_lockout(fields, connection.current())
    if not state["loaded"] and digest is not None:
        state["loaded"] = _how(fields, live)
    return state


def _path(fields):
    return "{}/cdconf-{}.nft".format(FOLDER, fields["name"])


def _table(fields):
    return ["inet", "cdconf_" + fields["name"]]


def _stored(fields):
    """(content, digest) of the file; None where there's none, or one that others can read or write."""
    status = files.lstat(_path(fields))
    if status is not None and (status.st_uid, files.mode_text(status.st_mode)) != (0, "0600"):
        return None, None
    try:
        text = whole_file.read_text(_path(fields))
    except FileNotFoundError:
        return None, None
    content, mark, digest = text.rpartition(MARK)
    return (content, texts.strip(digest)) if mark else (text, None)


def _live(fields):
    """The table as `nft -j` (libnftables-json(5)) lists it, or None.

    All in numbers (`-nnn`, as old versions want it): names depend on what /etc/protocols has that day.
    """
    result = run(["nft", "-j", "-nnn", "list", "table"] + _table(fields), timeout=30)
    if result.status == 0:
        return json.loads(result.out)["nftables"]
    if "No such file or directory" in result.err:
        return None
    raise Failed("nft can't list its tables", status=result.status, output=last_lines(result.err))


def _list_path(fields):
    return "{}/cdconf-{}.loaded".format(FOLDER, fields["name"])


def _listed(fields):
    """The table as people read it, without counters."""
    result = run(["nft", "-nnn", "-s", "list", "table"] + _table(fields), timeout=30)
    return result.out if result.status == 0 else ""


def _how(fields, live):
    """Which of the kernel's rules aren't those that were loaded, as a diff; False where nobody knows."""
    if live is None:
        return compare.DifferingLines("the kernel doesn't have the table")
    wanted = whole_file.read_or_empty(_list_path(fields))
    now = _listed(fields)
    if not wanted or not now:
        return False
    if set(_filled(live)) or "dynamic" in now or "timeout" in now:
        wanted, now = (_ELEMENTS.sub("", text) for text in (wanted, now))
    lines = list(compare.unified(fields["name"], now, wanted))
    return compare.DifferingLines("".join(lines)) if lines else False


def _digest(live):
    """The digest of a listing without what changes by itself: handles, counters, what rules put into sets."""
    entries = [entry for entry in live if "metainfo" not in entry]
    filled = set(_filled(entries))
    steady = [_steady(_without_elements(entry, filled)) for entry in entries]
    return hashlib.sha256(json.dumps(steady, sort_keys=True).encode("utf-8")).hexdigest()


def _filled(entries):
    """The sets that rules add to (nft 1.0.6 leaves their flag `dynamic` out of its JSON)."""
    for entry in entries:
        for statement in entry.get("rule", {}).get("expr", ()):
            target = statement.get("set") or statement.get("map")
            if isinstance(target, dict) and "op" in target:
                yield str(target.get("set") or target.get("map")).lstrip("@")


def _without_elements(entry, filled):
    for kind in ("set", "map"):
        content = entry.get(kind)
        flags = content.get("flags", ()) if content else ()
        if content and (content["name"] in filled or "dynamic" in flags or "timeout" in flags):
            return {kind: {key: value for key, value in content.items() if key != "elem"}}
    return entry


def _steady(value):
    if isinstance(value, list):
        return [_steady(member) for member in value]
    if not isinstance(value, dict):
        return value
    result = {key: _steady(member) for key, member in value.items() if key not in UNSTEADY}
    for key in ("set", "elem"):
        if isinstance(result.get(key), list):
            result[key].sort(key=json.dumps)  # a set has no order
    return result


def check_lockout(fields, ours):
    """Raises `Failed` when the rules refuse a new connection like the one that cdconf came by.

    Args:
        fields: The resource's.
        ours: The `Connection`, or None when there's none to lose.
    """
    if ours is None or fields.get("allow_lockout") or "rules" not in fields or ours.client.is_loopback:
        return
    verdict = fields["policy"]
    for rule in fields["rules"]:
        if _decides(rule, ours):
            verdict = rule["verdict"]
            break
    if verdict != "accept":
        raise Failed(
            "firewall '{}' would lock cdconf out: it refuses SSH from {} to port {}; accept that, or say "
            "`allow_lockout: true`".format(fields["name"], ours.client, ours.port)
        )


def _decides(rule, ours):
    if rule["protocols"] and "tcp" not in rule["protocols"]:
        return False
    if rule["ports"] and not any(low <= ours.port <= high for low, high in rule["ports"]):
        return False
    if rule["interfaces"] and ours.interface is None:
        return rule["verdict"] != "accept"  # nobody knows: think the worst
    if rule["interfaces"] and ours.interface not in rule["interfaces"]:
        return False
    if not rule["sources4"] and not rule["sources6"]:
        return True
    return any(ours.client in ipaddress.ip_network(one) for one in rule["sources4"] + rule["sources6"])


def _configuration():
    """The file that nftables.service loads."""
    for path in CONFIGURATIONS:
        if os.path.exists(path):
            return path
    return CONFIGURATIONS[0]


def _includes(fields):
    names = re.escape(_path(fields)) + "|" + re.escape(FOLDER + "/*.nft")
    text = whole_file.read_or_empty(_configuration())
    return re.search(r'^[ \t]*include[ \t]+"({})"'.format(names), text, re.MULTILINE) is not None


def _at_boot(fields):
    return _includes(fields) and any(glob.glob(pattern) for pattern in STARTED)


def apply(fields, difference):
    """Checked by nft, written, loaded in one transaction, then noted as loaded, then there at boot."""
    nft = programs.need("nft")
    if difference.get("exists") == (True, False):
        if _live(fields) is not None:
            run_ok([nft, "delete", "table"] + _table(fields), timeout=30)
        whole_file.remove(_path(fields))
        whole_file.remove(_list_path(fields))
        return
    check_lockout(fields, connection.current())
    files.make_directory(FOLDER)
    whole_file.write(_path(fields), fields["content"], "0600", nft + " -c -f {}")
    run_ok([nft, "-f", _path(fields)], timeout=60)
    whole_file.write(_path(fields), "{}{}{}\n".format(fields["content"], MARK, _digest(_live(fields))), "0600")
    whole_file.write(_list_path(fields), _listed(fields), "0600")
    if fields.get("at_boot"):
        _start_at_boot(fields)


def _start_at_boot(fields):
    path = _configuration()
    if not _includes(fields):
        text = whole_file.read_or_empty(path) or "#!/usr/sbin/nft -f\n"
        end = "" if text.endswith("\n") else "\n"
        whole_file.edit(path, '{}{}include "{}/*.nft"\n'.format(text, end, FOLDER))
    if not any(glob.glob(pattern) for pattern in STARTED):
        if programs.find("systemctl"):
            run_ok(["systemctl", "enable", "nftables.service"], timeout=60)
        else:
            run_ok(["rc-update", "add", "nftables"], timeout=60)
