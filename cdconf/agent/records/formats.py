"""What each file of a project's directory on the host holds, and what to do when one is damaged.

Whatever reads such a file gets a value of the right shape, or `Damaged`, which names the file. What older versions
didn't write is filled in; what newer ones write beside it is kept.
"""

import binascii

from cdconf.agent import wire
from cdconf.agent.errors import Failed
from cdconf.agent.records.shapes import (
    Misfit,
    anything,
    argument,
    below,
    count,
    flag,
    mapping,
    maybe,
    name,
    number,
    one_of,
    path,
    raw,
    record,
    sequence,
    text,
)

LIMIT = 2 * wire.MAX_FRAME  # bytes of a file; a release's manifest comes in one frame, and is written with more spaces


class Damaged(Failed):
    """A file that cdconf has written isn't such as it writes.

    Args:
        place: The file's path.
        problem: What's wrong with it.
        remedy: What to do.
    """

    def __init__(self, place, problem, remedy):
        Failed.__init__(
            self, "{} is damaged: {}".format(place, problem), kind="damaged", details={"file": place, "hint": remedy}
        )


def _none():
    return None


_OPTIONAL = maybe(text)
_WHO = {"run": _OPTIONAL, "owner": _OPTIONAL, "reason": _OPTIONAL}

_IDENTITY = record({"environment": text, "host": text})

_TIMES = {"acquired": number, "expires": number}
_INNER = record(dict(_TIMES, run=text, owner=_OPTIONAL, reason=_OPTIONAL, renewed=number), {"seal": (_OPTIONAL, _none)})
_LEASE = record(
    dict(_TIMES, run=_OPTIONAL, owner=_OPTIONAL, reason=_OPTIONAL, fence=count, boot=text),
    {"seal": (_OPTIONAL, _none), "inner": (sequence(_INNER), list)},
    {"renewed": number},
)


def _key(value):
    try:
        if len(bytes.fromhex(text(value))) == 32:
            return value
    except ValueError:
        pass
    raise Misfit("64 hexadecimal digits", "another text")


_KEPT = {"version": number, "kept": maybe(mapping(anything))}
_ABSENT = record({"absent": flag, "digest": text}, None, dict(_KEPT, type=name, title=text, source=_OPTIONAL))
_PRESENT = record(
    {"type": name, "title": text, "digest": text, "fields": mapping(anything)},
    {"role": (_OPTIONAL, _none), "source": (_OPTIONAL, _none), "removable": (flag, bool), "order": (number, int)},
    dict(_KEPT, sensitive=flag, macs=mapping(text)),
)


def _applied(value):
    return (_ABSENT if isinstance(value, dict) and "absent" in value else _PRESENT)(value)


_HANDLER = record(
    {"name": text, "type": name, "title": text, "fields": mapping(anything), "action": text},
    {"app": (maybe(record({"path": path})), _none), "source": (_OPTIONAL, _none)},
    {"rebooting_from": text, "mends": flag},
)
_PROVISION = record(
    {"at": number, "counts": mapping(count), "failed": flag},
    {"catalog": (_OPTIONAL, _none)},
    dict(_WHO, commit=_OPTIONAL, dirty=flag),
)

_EVENT = record(
    {"at": number, "event": text},
    None,
    dict(_WHO, release=text, version=text, archive=text, to=text, why=text, procedure=text, back=flag),
)
_PAGE = record(
    {},
    {
        "current": (maybe(name), _none),
        "verified": (sequence(name), list),
        "activating": (
            maybe(
                record(
                    {"to": name, "run": _OPTIONAL, "at": number},
                    {"back": (flag, bool)},
                    {"stopped": sequence(argument)},
                )
            ),
            _none,
        ),
        "releases": (
            mapping(
                record(
                    {"version": text, "archive": text, "tree": text, "staged_at": number},
                    {"shared": (sequence(below), list)},
                    {"packages": mapping(below, below)},
                ),
                name,
            ),
            dict,
        ),
        "pinned": (mapping(record({"reason": _OPTIONAL, "version": _OPTIONAL, "at": number})), dict),
        "confirmed": (
            maybe(record({"release": name, "run": _OPTIONAL, "at": number}, {"back": (flag, bool)}, {"canary": flag})),
            _none,
        ),
        "reverted": (
            maybe(
                record({"release": name, "to": maybe(name), "run": _OPTIONAL, "at": number, "problem": _OPTIONAL}),
            ),
            _none,
        ),
        "events": (sequence(_EVENT), list),
    },
)

_TOGGLES = mapping(flag)
_TRIAL = record({"values": _TOGGLES, "before": maybe(_TOGGLES), "run": _OPTIONAL, "owner": _OPTIONAL, "at": number})
_TOGGLE_PAGE = record(
    {},
    {
        "path": (maybe(path), _none),
        "values": (maybe(_TOGGLES), _none),
        "since": (mapping(record({"at": number, "owner": _OPTIONAL})), dict),
        "trial": (maybe(_TRIAL), _none),
        "reload": (flag, bool),
    },
)

_MIGRATION = record(
    {
        "phase": one_of("expand", "contract"),
        "tree": text,
        "number": number,
        "state": one_of("begun", "failed", "done"),
        "order": number,
    },
    {
        "release": (_OPTIONAL, _none),
        "version": (_OPTIONAL, _none),
        "command": (_OPTIONAL, _none),
        "host": (_OPTIONAL, _none),
        "run": (_OPTIONAL, _none),
        "began": (maybe(number), _none),
        "ended": (maybe(number), _none),
        "status": (maybe(number), _none),
        "forgotten": (sequence(text), list),
    },
)

_ARMED = {"run": text, "fence": count, "boot": text, "at": number}
_APP = record(
    {"name": text, "path": path, "services": sequence(argument)},
    None,
    {
        "user": maybe(argument),
        "activation": mapping(argument, argument),
        "env_file": maybe(path),
        "hooks": mapping(record({"run": argument, "within": number})),
        "toggles": maybe(record({"path": path, "values": _TOGGLES, "reload": flag})),
    },
)
_SWITCH = record(dict(_ARMED, app=_APP, release=name, within=number))
_DRAIN = record({"app": argument, "command": argument, "undrain": argument, "timeout": number})
_KEPT = record({"at": number}, None, {"run": _OPTIONAL, "reason": _OPTIONAL})
_DRAINED = record({"address": argument, "at": number}, None, {"kept": maybe(_KEPT)})
_DRAINS = record(
    dict(_ARMED, drain=_DRAIN, hosts=mapping(_DRAINED, argument)),
    {"within": (maybe(number), _none), "problem": (_OPTIONAL, _none)},
)

_PAGE_SHOWN = record(
    dict(
        _ARMED,
        page=record({"app": argument, "on": argument, "off": argument, "timeout": number}),
        since=number,
        until=number,
        owner=_OPTIONAL,
        reason=_OPTIONAL,
        problem=_OPTIONAL,
    )
)

_SEEN = record(
    {"found": mapping(record({"at": number, "by": text})), "restarts": mapping(record({"boot": text, "count": count}))}
)


def _entry(value):
    kind = record({"path": below, "kind": one_of("file", "directory", "link")})(value)["kind"]
    if kind == "link":
        return record({"target": path})(value)
    if kind == "directory":
        return value
    return record({"mode": one_of("0644", "0755"), "sha256": text, "size": count})(value)


_UNPACKED = record({"path": path, "sha256": text, "strip": maybe(number), "members": mapping(maybe(count), below)})

_AWAY = "look at it, and move it away when it can't be mended"
_FILES = {
    "identity.json": (
        _IDENTITY,
        _AWAY + "; the next provision of the environment that the host belongs to writes it anew",
    ),
    "lease.json": (
        _LEASE,
        "make sure that no run is at work on the host; then `cdconf lock release` removes it",
    ),
    "key.json": (
        _key,
        _AWAY + ", and provision the host; until then drift calls everything changed, and saved plans are void",
    ),
    "applied.json": (
        mapping(_applied),
        _AWAY + ", and provision the host; it forgets then what has gone from the files and is still there",
    ),
    "pending.json": (
        sequence(_HANDLER),
        _AWAY + "; then restart or reload by hand what was due, which the provision before has named",
    ),
    "seen.json": (_SEEN, "move it away; only the times are lost at which drift was first seen"),
    "provisions.json": (sequence(_PROVISION), _AWAY + "; only the host's memory of earlier provisions is lost"),
    "ledger.json": (
        mapping(_PAGE),
        _AWAY + ", and deploy each app anew; the host forgets which releases it holds and which artifacts are pinned",
    ),
    "toggles.json": (mapping(_TOGGLE_PAGE), _AWAY + ", and provision the host; it writes the toggles anew"),
    "migrations.json": (
        mapping(sequence(_MIGRATION)),
        _AWAY + "; the app's other hosts tell it anew; where there are none, see `cdconf deploy --forget-migrations`",
    ),
}
_KINDS = {
    "switch-": (_SWITCH, "see that the app runs its verified release, and move the file away; then deploy again"),
    "drain-": (_DRAINS, "put the drained hosts back into use by hand, and move the file away"),
    "maintenance-": (_PAGE_SHOWN, "take the maintenance page away by hand, and move the file away"),
    "manifest-": (sequence(_entry), _AWAY + ", and deploy again"),
    "packages-": (mapping(record({"key": text, "tree": text}), name), _AWAY + ", and deploy again"),
    "chunks-": (mapping(raw), _AWAY + ", and deploy again"),
    "certificate-": (record({"path": text, "sha256": text}), "move the file away; any certificate counts as its own"),
    "archive-": (_UNPACKED, "move the file away, and provision the host; the archive is unpacked anew"),
}


def about(file):
    """(shape, what to do when it's damaged) of a file, by its name.

    Raises:
        KeyError: There's no such file: whoever adds one says here what it holds.
    """
    return _FILES[file] if file in _FILES else _KINDS[file[: file.index("-") + 1] if "-" in file else file]


def fresh_page():
    """An app's page of the ledger on a host that knows nothing of it yet."""
    return _PAGE({})


def decoded(place, file, data):
    """The value of a file.

    Args:
        place: Its path, for people.
        file: Its name.
        data: Its bytes; more than `LIMIT` are too many.

    Raises:
        Damaged: It isn't what it should be.
    """
    shape, remedy = about(file)
    if len(data) > LIMIT:
        raise Damaged(place, "it's larger than {} MB".format(LIMIT // 10**6), remedy)
    try:
        return shape(wire.loads(data))
    except Misfit as misfit:
        raise Damaged(place, misfit.text(), remedy)
    except (ValueError, TypeError, binascii.Error):
        raise Damaged(place, "it's empty" if not data.strip() else "it isn't JSON", remedy)  # texts: bytes
    except (RecursionError, MemoryError):
        raise Damaged(place, "it's nested too deeply, or too large to be read", remedy)
