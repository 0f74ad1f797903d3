"""The attacker: a process with the rights of an unprivileged user, which exchanges names as it's told."""

import ctypes
import fcntl
import json
import os
import signal
import socket
import stat

UID = 4001
EXCHANGE, AT_FDCWD, RENAMEAT2 = 2, -100, 316


def exchange(one, other):
    """Exchanges two names in one step; where the first is free, the second moves there."""
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other))
    if libc.syscall(RENAMEAT2, *arguments, EXCHANGE) == 0:
        return
    if ctypes.get_errno() == 2 and not os.path.lexists(one):
        os.rename(other, one)
        return
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), one)


def put_back(one, other):
    """Ends an `exchange`, wherever the first name's own thing is now."""
    if os.path.lexists(other):
        exchange(one, other)
    else:
        os.rename(one, other)


def become(uid):
    """This process has a user's rights from now on, and none of root's."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


class Attacker(object):
    """The process; `swap` and `swap_back` wait until it has done so."""

    def __init__(self, uid=UID):
        self._here, there = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._here.close()
                become(uid)
                _serve(there.makefile("rwb"))
            finally:
                os._exit(0)
        there.close()
        self._stream = self._here.makefile("rwb")

    def _ask(self, words):
        self._stream.write(json.dumps(words).encode() + b"\n")
        self._stream.flush()
        return json.loads(self._stream.readline().decode())

    def swap(self, one, other):
        """Exchanges two names; None, or why it can't."""
        return self._ask(["swap", one, other])

    def swap_back(self, one, other):
        """Ends a swap; None, or why it can't."""
        return self._ask(["back", one, other])

    def reads(self, path, text):
        """Whether it can read a file that holds this text."""
        return self._ask(["read", path, text])

    def take_lease(self, path):
        """Makes everybody wait who opens its file (F_SETLEASE of fcntl(2)), until `give_up_lease`; None, or why not."""
        return self._ask(["lease", path])

    def give_up_lease(self):
        """Ends the lease."""
        self._ask(["no lease"])

    def swap_new(self, folders, known, decoys):
        """Puts a decoy in the place of the first name that wasn't there before.

        Args:
            folders: Where root may make something.
            known: The paths that were there at first.
            decoys: `{"file", "directory"}`: what takes the place of which.

        Returns:
            `[place, decoy]`; None when there's no such name, or it can't be exchanged.
        """
        return self._ask(["new", folders, known, decoys])


def _serve(stream):
    held = []
    ways = {
        "swap": exchange,
        "back": put_back,
        "new": swap_new,
        "read": _reads,
        "lease": lambda path: held.append(_lease(path)),
        "no lease": lambda: os.close(held.pop()) if held else None,
    }
    for line in stream:
        words = json.loads(line.decode())
        try:
            answer = ways[words[0]](*words[1:])
        except OSError as error:
            answer = None if words[0] == "new" else str(error)
        stream.write(json.dumps(answer).encode() + b"\n")
        stream.flush()


def _reads(path, text):
    try:
        with open(path, "rb") as stream:
            return text.encode() in stream.read()
    except OSError:
        return False


def _lease(path):
    descriptor = os.open(path, os.O_RDWR)
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # how the kernel asks for it back
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    return descriptor


def new_names(folders, known):
    """The names that directories have and hadn't at first: what root is making there."""
    found = []
    for folder in folders:
        try:
            found += [os.path.normpath(os.path.join(folder, name)) for name in os.listdir(folder)]
        except OSError:
            continue
    return [path for path in sorted(found) if path not in known]


def swap_new(folders, known, decoys):
    """See `Attacker.swap_new`."""
    for path in new_names(folders, known):
        decoy = decoys["directory" if stat.S_ISDIR(os.lstat(path).st_mode) else "file"]
        exchange(path, decoy)
        return [path, decoy]
    return None
