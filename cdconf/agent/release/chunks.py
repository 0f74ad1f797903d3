"""Chunk lists: how contents are cut, and how a tree is told as its difference to one that the host has.

A content of more than `WHOLE` bytes is cut by the controller, by content (FastCDC), so that an insertion moves no cut
but those beside it. Its list is one record per chunk, in order: the chunk's SHA-256 (32 bytes) and its size (4 bytes,
big-endian). A smaller content is one chunk and has no list. `lists` maps the SHA-256 of contents, in hex, to records.

A tree is told as `{"gone": [paths], "entries": [manifest entries], "lists": {content: parts}}`, all as the difference
to a base that both sides know; a part is either records or `[first, count]`, a run of the base's own records. The
base's records are those of all its lists, in the order of their contents' digests.
"""

import hashlib
import struct
import zlib

from cdconf.agent.errors import Failed

WHOLE = 64 * 1024
BLOCK = 256 * 1024  # a frame holds chunks of at least so many bytes, but for the last one
LARGEST = BLOCK + WHOLE
RECORD = struct.Struct(">32sI")
PLAIN, DEFLATED = b"=", b"z"


def records(packed):
    """A list's records, one `bytes` each."""
    return [packed[start : start + RECORD.size] for start in range(0, len(packed), RECORD.size)]


def of(entry, lists):
    """The chunks of a manifest's file: (SHA-256 as bytes, size) in order; an empty file has none.

    Raises:
        Failed: Its list doesn't add up to its size, has an impossible chunk, or is missing.
    """
    packed = lists.get(entry["sha256"])
    if packed is None and entry["size"] <= WHOLE:
        return [(bytes.fromhex(entry["sha256"]), entry["size"])] if entry["size"] else []
    chunks = list(RECORD.iter_unpack(packed or b""))
    if sum(size for _, size in chunks) != entry["size"] or any(not 0 < size <= WHOLE for _, size in chunks):
        raise Failed("the chunks of '{}' don't add up to it".format(entry["path"]))
    return chunks


def firsts(manifest):
    """The files of a manifest, one entry for each content: the first by path."""
    found = {}
    for entry in sorted(manifest, key=lambda one: one["path"]):
        if entry["kind"] == "file":
            found.setdefault(entry["sha256"], entry)
    return list(found.values())


def table(manifest, lists):
    """The chunks of a tree, each once, numbered the same way on both sides.

    Returns:
        `{SHA-256 as bytes: (size, [(path, offset)])}` in the order of numbers; of equal files only the first counts.
    """
    found = {}
    for entry in firsts(manifest):
        offset = 0
        for digest, size in of(entry, lists):
            found.setdefault(digest, (size, []))[1].append((entry["path"], offset))
            offset += size
    return found


def digest(lists):
    """The SHA-256 of lists, in hex: shows that both sides speak of the same chunks."""
    total = hashlib.sha256()
    for content in sorted(lists):
        total.update("{} {}\n".format(content, len(lists[content])).encode("ascii") + lists[content])
    return total.hexdigest()


def tell(manifest, lists, base_manifest=(), base_lists=None):
    """A tree as its difference to a base; without one, the whole."""
    base_lists = base_lists or {}
    old = {entry["path"]: entry for entry in base_manifest}
    new = {entry["path"]: entry for entry in manifest}
    places = {}
    for number, record in enumerate(_flat(base_lists)):
        places.setdefault(record, []).append(number)
    return {
        "gone": sorted(set(old) - set(new)),
        "entries": [new[path] for path in sorted(new) if old.get(path) != new[path]],
        "lists": {name: _parts(packed, places) for name, packed in lists.items() if name not in base_lists},
    }


def _flat(lists):
    return [record for content in sorted(lists) for record in records(lists[content])]


def _parts(packed, places):
    """Records as runs of the base's, which cost nothing, and as themselves."""
    parts = []
    for record in records(packed):
        here = places.get(record)
        last = parts[-1] if parts else None
        if here is None:
            if isinstance(last, bytearray):
                last += record
            else:
                parts.append(bytearray(record))
        elif isinstance(last, list) and last[0] + last[1] in here:
            last[1] += 1
        else:
            parts.append([here[0], 1])
    return [bytes(part) if isinstance(part, bytearray) else part for part in parts]


def hear(told, base_manifest=(), base_lists=None):
    """The (manifest, lists) that `tell` told; `tree.digest` and `digest` say whether the base was the same one.

    Raises:
        ValueError: It can't be a difference to this base.
    """
    base_lists = base_lists or {}
    entries = {entry["path"]: entry for entry in base_manifest}
    for path in told["gone"]:
        if entries.pop(path, None) is None:
            raise ValueError("the base has no '{}'".format(path))
    entries.update((entry["path"], entry) for entry in told["entries"])
    flat = _flat(base_lists) if told["lists"] else []
    lists = {}
    for content in {entry["sha256"] for entry in entries.values() if entry["kind"] == "file"}:
        if content in told["lists"]:
            lists[content] = b"".join(_heard(part, flat) for part in told["lists"][content])
        elif content in base_lists:
            lists[content] = base_lists[content]
        if len(lists.get(content, b"")) % RECORD.size:
            raise ValueError("a chunk list ends inside a record")
    return [entries[path] for path in sorted(entries)], lists


def _heard(part, flat):
    if isinstance(part, bytes):
        return part
    first, count = part
    if not 0 <= first <= first + count <= len(flat):
        raise ValueError("the base has no chunks {} to {}".format(first, first + count))
    return b"".join(flat[first : first + count])


def runs(numbers):
    """Rising numbers as `[first, count]`."""
    found = []
    for number in numbers:
        if found and sum(found[-1]) == number:
            found[-1][1] += 1
        else:
            found.append([number, 1])
    return found


def pack(data, level):
    """A frame of chunks, deflated when that's shorter."""
    deflated = zlib.compress(data, level)
    return DEFLATED + deflated if len(deflated) < len(data) else PLAIN + data


def unpack(frame):
    """The bytes of a frame.

    Raises:
        Failed: It's damaged, or holds more than a frame may.
    """
    data = frame[1:]
    if frame[:1] == DEFLATED:
        stream = zlib.decompressobj()
        try:
            data = stream.decompress(data, LARGEST + 1)
        except zlib.error as error:
            raise Failed("a frame of the release's contents is damaged: {}".format(error))
    elif frame[:1] != PLAIN:
        raise Failed("a frame of the release's contents is damaged")
    if len(data) > LARGEST:
        raise Failed("a frame of the release's contents holds more than {} bytes".format(LARGEST))
    return data
