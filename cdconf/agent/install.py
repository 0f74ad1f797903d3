"""Puts the agent into the host's cache. Sent by itself, ahead of the agent, and run inside boot.py.

It uses boot.py's `base`, `home`, `code`, `digest`, `receive`, `seal`, `say` and `refuse`, which is why it has no
imports of ours. It says `NONCE deflated` where Python was built without bzip2, and gets the agent in that form. All
modules are compiled here, once, so that a start from the cache only unmarshals what it uses.
"""

import os
import sys

NEEDED = [
    *("ctypes", "difflib", "fcntl", "grp", "hashlib", "hmac", "json", "pwd", "queue", "shlex", "shutil", "socket"),
    *("subprocess", "tempfile", "threading", "urllib.request", "zipfile", "zlib"),
]


def _modules(packed):
    """Name -> (is a package, marshalled code) of what `cdconf.session.bundle` has packed."""
    import marshal

    found = {}
    for path, source in unpacked(packed):
        name = path[:-3].replace("/", ".")
        package = name.endswith(".__init__")
        compiled = compile(source, "<{}>".format(path), "exec", dont_inherit=True)
        found[name[: -len(".__init__")] if package else name] = (package, marshal.dumps(compiled))
    return found


def decompressed(data, boot):
    """What's packed, of whichever form this Python can read; empty when it arrived damaged."""
    import zlib

    try:
        from bz2 import decompress
    except ImportError:
        decompress = zlib.decompress
        boot["say"]("deflated")
        data = boot["receive"]()
    try:
        return decompress(data)
    except (OSError, ValueError, zlib.error):
        return b""


def unpacked(packed):
    """(path, source) of each file: a line of JSON tells paths and sizes, the files follow."""
    import json

    names, _, sources = packed.partition(b"\n")
    at = 0
    for path, size in json.loads(names.decode("utf-8")):
        yield path, sources[at : at + size]
        at += size


def _check_library():
    """Debian's python3-minimal, for one, lacks modules that the agent can't do without."""
    for name in NEEDED:
        try:
            __import__(name)
        except ImportError as error:
            return error.name or name
    return None


def _write(folder, name, data):
    with open(os.path.join(folder, name), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _clean(base, keep):
    """Removes agents that no run has used for a month, and what broken installs left."""
    import shutil
    import time

    for name in os.listdir(base):
        path = os.path.join(base, name)
        if name != keep and time.time() - os.lstat(path).st_mtime > 30 * 86400:
            shutil.rmtree(path, ignore_errors=True)


def _replace(fresh, home):
    """Puts the new directory where the old one was; whoever runs from the old one has read it already."""
    import shutil

    for _ in range(5):
        shutil.rmtree(home, ignore_errors=True)
        try:
            os.rename(fresh, home)
            return
        except OSError:
            continue  # another run has just put the same agent there
    shutil.rmtree(fresh, ignore_errors=True)


def _take(path):
    """One of cdconf's own directories becomes its owner's alone; somebody else's is refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if path.endswith(".agent") else 0))
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError(1, "it belongs to another user", path)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def install(packed, base, home, code, seal):
    """Writes the agent's compiled modules; only their owner can read them."""
    import marshal
    import tempfile

    umask = os.umask(0o077)
    os.makedirs(base, exist_ok=True)
    _take(os.path.dirname(base))
    _take(base)
    compiled = marshal.dumps(_modules(packed))
    fresh = tempfile.mkdtemp(prefix="new-", dir=base)
    _write(fresh, os.path.basename(code), seal(compiled) + compiled)
    _clean(base, os.path.basename(fresh))
    _replace(fresh, home)
    os.umask(umask)


def ask_for_library(module, say):
    """Says what's missing; becomes the command line that the controller sends, if it sends one, and ends else."""
    say("incomplete " + module)
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(1)
        line += byte
    os.execv("/bin/sh", ["sh", "-c", line.decode("utf-8")])


def main(boot):
    """Runs with boot.py's names."""
    data = boot["receive"]()
    lacking = _check_library()
    if lacking is not None:
        ask_for_library(lacking, boot["say"])
    import hashlib

    packed = decompressed(data, boot)
    if hashlib.sha256(packed).hexdigest() != boot["digest"]:
        boot["refuse"]("corrupt")
    try:
        install(packed, boot["base"], boot["home"], boot["code"], boot["seal"])
    except OSError as error:
        boot["refuse"]("unwritable {}: {}".format(error.filename or boot["base"], error.strerror))


if "nonce" in globals():
    main(globals())
