"""What a host keeps of a resource so that it can observe it again by itself, without files, secrets or a controller.

Small values that aren't secret are kept as they are. Of a secret, and of a long value, there's only a MAC under the
host's key: it can be compared with what's found, and tells nothing else. An entry's `kept` holds, beside its `fields`,
what these lack; its `version` says how to read it.
"""

from cdconf.agent import wire
from cdconf.agent.errors import Failed
from cdconf.agent.records.fingerprints import fingerprint

VERSION = 1
PUBLIC = ("owner", "group", "mode")  # everybody on the host sees them, whatever is in the file
SHORT = 200  # characters of a text that's kept as it is
FIELD = 16 * 1024  # bytes of JSON of a field that observing reads
WHOLE = 64 * 1024  # of all fields of a resource
_MAC = "$mac"
_KINDS = {"str": str, "bytes": bytes, "list": list, "dict": dict}


class Unknowable(Failed):
    """Observing a resource needs a value that isn't kept: a secret, or a long one."""

    def __init__(self):
        Failed.__init__(self, "it can't be observed without a value that the host doesn't keep")


def _refuse(self, *arguments):
    raise Unknowable()


class Withheld(object):
    """A value of which there's only a MAC: it can be compared, and whatever else is done with it is `Unknowable`.

    Args:
        key: The host's key.
        mac: As `mac_of` makes it.
        kind: The value's type, as `isinstance` sees it.
        size: Its bytes, of a text.
    """

    def __init__(self, key, mac, kind, size):
        self._key, self._mac, self._kind, self._size = key, mac, kind, size

    __class__ = property(lambda self: self._kind)

    def __eq__(self, other):
        if type(other) is Withheld:
            return self._mac == other._mac
        if self._kind in (str, bytes) and not isinstance(other, (str, bytes)):
            return False
        return self._mac == mac_of(self._key, other)

    def __ne__(self, other):
        return not self == other

    def __len__(self):
        if self._kind in (str, bytes):
            return self._size
        raise Unknowable()

    def __bool__(self):
        return True

    def __repr__(self):
        return "(withheld)"

    def encode(self, *arguments):
        """Itself, since a text equals its bytes here."""
        return self

    def __hash__(self):
        raise Unknowable()

    __iter__ = __contains__ = __getitem__ = __str__ = __format__ = _refuse
    __add__ = __radd__ = __mod__ = __lt__ = __le__ = __gt__ = __ge__ = __int__ = __fspath__ = _refuse

    def __getattr__(self, name):
        raise Unknowable()


def mac_of(key, value):
    """The MAC of a value; a text has that of its bytes."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    return fingerprint(key, value)[:32]


def keep(resource, key, needed):
    """What's kept of a resource beside its entry's `fields`; None when it would be too much.

    Args:
        resource: The catalog's entry, with the fields of all its declarations.
        key: The host's key.
        needed: Fields whose values observing reads, so that a MAC isn't enough.
    """
    plain = set(resource["fields"])
    if resource["sensitive"]:
        plain = set(resource.get("plain", ())) | set(PUBLIC) | set(resource["identity"])
    kept = {}
    try:
        for name, value in resource["fields"].items():
            if name not in plain:
                kept[name] = _sealed(key, value)
            elif name in needed and _size(value) <= FIELD:
                kept[name] = value
            else:
                kept[name] = _reduced(key, value)
    except Unknowable:
        return None
    return kept if _size(kept) <= WHOLE else None


def _size(value):
    return len(wire.dumps(value))


def _reduced(key, value):
    """The value, with MACs in the place of long texts."""
    if isinstance(value, (str, bytes)):
        return value if len(value) <= SHORT else _sealed(key, value)
    if isinstance(value, dict):
        return {name: _reduced(key, member) for name, member in value.items()}
    if isinstance(value, list):
        return [_reduced(key, member) for member in value]
    return value


def _sealed(key, value):
    """A value's MAC, as it's written down.

    Raises:
        Unknowable: It's a number, or yes or no, which observing would have to be given.
    """
    kind = type(value)
    for name, one in _KINDS.items():
        if issubclass(kind, one):
            size = len(value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value)
            return {_MAC: mac_of(key, value), "kind": name, "size": size}
    raise Unknowable()


def fields(entry, key):
    """The fields by which a resource can be observed again; None when too little is kept.

    Args:
        entry: What the host remembers of it.
        key: The host's key.
    """
    if entry.get("version") != VERSION or entry.get("kept") is None:
        return None
    return {name: _opened(value, key) for name, value in entry["kept"].items()}


def _opened(value, key):
    if isinstance(value, dict):
        if set(value) == {_MAC, "kind", "size"} and value["kind"] in _KINDS:
            return Withheld(key, value[_MAC], _KINDS[value["kind"]], value["size"])
        return {name: _opened(member, key) for name, member in value.items()}
    return [_opened(member, key) for member in value] if isinstance(value, list) else value


def resource(identifier, entry, key):
    """The catalog's entry of a remembered resource, as far as observing and comparing need it; None as `fields`."""
    values = fields(entry, key)
    if values is None:
        return None
    about = {name: entry.get(name) for name in ("type", "title", "source", "role")}
    return dict(
        about,
        id=identifier,
        fields=values,
        absent="absent" in entry,
        sensitive=entry.get("sensitive", False),
        compare=list(entry.get("macs", ())),
    )
