# The bootstrap: sent with every connection, so it's short. It runs as `python3 -I -S -c`, without the package.
# argv: the agent's digest and a nonce. It says `NONCE need` when the agent isn't cached here, reads a length line
# and the zip; then says `NONCE ready` and becomes the agent. The cache is for its owner's eyes only, and owner,
# mode and digest are checked at every start.
import hashlib
import os
import sys

digest, nonce = sys.argv[-2:]
me = os.geteuid()
base = "/var/lib/cdconf" if me == 0 else os.path.expanduser("~/.local/state/cdconf")
base = os.path.join(base, ".agent")
home = os.path.join(base, digest)
archive = os.path.join(home, "agent.zip")
code = os.path.join(home, sys.implementation.cache_tag)


def say(word):
    os.write(1, (nonce + " " + word + chr(10)).encode())


def private(path):
    status = os.lstat(path)
    return status.st_uid == me and not status.st_mode & 0o077


def cached():
    try:
        if not (private(base) and private(home) and private(archive) and private(code)):
            return False
        with open(archive, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest() == digest
    except OSError:
        return False


def receive():
    count = b""
    while not count.endswith(b"."):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(1)
        count += byte
    left, parts = int(count[:-1]), []
    while left:
        part = os.read(0, min(left, 65536))
        if not part:
            sys.exit(1)
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def install(data):
    import compileall
    import io
    import shutil
    import tempfile
    import time
    import zipfile

    if hashlib.sha256(data).hexdigest() != digest:
        say("corrupt")
        sys.exit(1)
    os.umask(0o077)
    os.makedirs(base, exist_ok=True)
    os.chmod(os.path.dirname(base), 0o700)
    os.chmod(base, 0o700)
    fresh = tempfile.mkdtemp(prefix="new-", dir=base)
    target = os.path.join(fresh, sys.implementation.cache_tag)
    zipfile.ZipFile(io.BytesIO(data)).extractall(target)
    compileall.compile_dir(target, quiet=2)
    with open(os.path.join(fresh, "agent.zip"), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    for name in os.listdir(base):
        path = os.path.join(base, name)
        if name == digest or (path != fresh and time.time() - os.lstat(path).st_mtime > 30 * 86400):
            shutil.rmtree(path, ignore_errors=True)
    try:
        os.rename(fresh, home)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)  # another run has just put the same agent there


if not cached():
    say("need")
    install(receive())
    if not cached():
        say("uncacheable")
        sys.exit(1)
say("ready")
sys.path.insert(0, code)
from cdconf.agent.loop import main

main()
