"""Stops every call about files that a process and its children make, before the kernel does it (seccomp_unotify(2)).

A filter of the kernel's own hands each such call to whoever holds the listener, and the process waits until that one
says `go_on`. No call can be missed, whatever language or library makes it, and programs that are started are seen too.
"""

import ctypes
import fcntl
import os
import struct

# Where each call of x86-64 has its paths, as pairs (argument of the directory's descriptor or None, argument of the
# path), or its descriptors, as numbers of arguments. What only moves or flushes bytes of an open file isn't among them
# (read, write, fsync): whatever a name stands for by then, it can't matter before the next of these.
CALLS = {
    "open": (2, [(None, 0)]),
    "stat": (4, [(None, 0)]),
    "fstat": (5, [0]),
    "lstat": (6, [(None, 0)]),
    "access": (21, [(None, 0)]),
    "execve": (59, [(None, 0)]),
    "truncate": (76, [(None, 0)]),
    "ftruncate": (77, [0]),
    "getdents": (78, [0]),
    "chdir": (80, [(None, 0)]),
    "fchdir": (81, [0]),
    "rename": (82, [(None, 0), (None, 1)]),
    "mkdir": (83, [(None, 0)]),
    "rmdir": (84, [(None, 0)]),
    "creat": (85, [(None, 0)]),
    "link": (86, [(None, 0), (None, 1)]),
    "unlink": (87, [(None, 0)]),
    "symlink": (88, [(None, 1)]),
    "readlink": (89, [(None, 0)]),
    "chmod": (90, [(None, 0)]),
    "fchmod": (91, [0]),
    "chown": (92, [(None, 0)]),
    "fchown": (93, [0]),
    "lchown": (94, [(None, 0)]),
    "utime": (132, [(None, 0)]),
    "mknod": (133, [(None, 0)]),
    "statfs": (137, [(None, 0)]),
    "fstatfs": (138, [0]),
    "chroot": (161, [(None, 0)]),
    "mount": (165, [(None, 0), (None, 1)]),
    "umount2": (166, [(None, 0)]),
    "swapon": (167, [(None, 0)]),
    "swapoff": (168, [(None, 0)]),
    "setxattr": (188, [(None, 0)]),
    "lsetxattr": (189, [(None, 0)]),
    "fsetxattr": (190, [0]),
    "getxattr": (191, [(None, 0)]),
    "lgetxattr": (192, [(None, 0)]),
    "fgetxattr": (193, [0]),
    "listxattr": (194, [(None, 0)]),
    "llistxattr": (195, [(None, 0)]),
    "flistxattr": (196, [0]),
    "removexattr": (197, [(None, 0)]),
    "lremovexattr": (198, [(None, 0)]),
    "fremovexattr": (199, [0]),
    "getdents64": (217, [0]),
    "utimes": (235, [(None, 0)]),
    "inotify_add_watch": (254, [(None, 1)]),
    "openat": (257, [(0, 1)]),
    "mkdirat": (258, [(0, 1)]),
    "mknodat": (259, [(0, 1)]),
    "fchownat": (260, [(0, 1)]),
    "futimesat": (261, [(0, 1)]),
    "newfstatat": (262, [(0, 1)]),
    "unlinkat": (263, [(0, 1)]),
    "renameat": (264, [(0, 1), (2, 3)]),
    "linkat": (265, [(0, 1), (2, 3)]),
    "symlinkat": (266, [(1, 2)]),
    "readlinkat": (267, [(0, 1)]),
    "fchmodat": (268, [(0, 1)]),
    "faccessat": (269, [(0, 1)]),
    "utimensat": (280, [(0, 1)]),
    "fallocate": (285, [0]),
    "name_to_handle_at": (303, [(0, 1)]),
    "renameat2": (316, [(0, 1), (2, 3)]),
    "execveat": (322, [(0, 1)]),
    "statx": (332, [(0, 1)]),
    "open_tree": (428, [(0, 1)]),
    "move_mount": (429, [(0, 1), (2, 3)]),
    "openat2": (437, [(0, 1)]),
    "faccessat2": (439, [(0, 1)]),
    "fchmodat2": (452, [(0, 1)]),
    "setxattrat": (463, [(0, 1)]),
    "removexattrat": (466, [(0, 1)]),
}
BY_NUMBER = {number: (name, places) for name, (number, places) in CALLS.items()}
PROGRAMS = ("execve", "execveat")

ARCHITECTURE = 0xC000003E  # AUDIT_ARCH_X86_64
ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000
RECEIVE, SEND = 0xC0502100, 0xC0182101
CONTINUE = 1
SECCOMP = 317
AT_FDCWD = -100


def _filter():
    """The program of classic BPF: the calls above are handed over, all others allowed."""
    numbers = sorted(BY_NUMBER)
    code = [
        (0x20, 0, 0, 4),  # the architecture
        (0x15, 0, len(numbers) + 1, ARCHITECTURE),
        (0x20, 0, 0, 0),  # the call's number
    ]
    code += [(0x15, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    code += [(0x06, 0, 0, ALLOW), (0x06, 0, 0, NOTIFY)]
    return b"".join(struct.pack("HBBI", *one) for one in code), len(code)


def listen():
    """From now on this process and its children wait at each of the calls; returns the listener's descriptor."""
    if os.uname().machine != "x86_64":
        raise OSError("the calls' numbers are known for x86-64 only")
    code, count = _filter()
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxQ", count, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(program, len(program))
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(SECCOMP, 1, 8, ctypes.byref(holder))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "seccomp: " + os.strerror(ctypes.get_errno()))
    return descriptor


class Call(object):
    """A call that waits: who makes it, which it is, and its six arguments."""

    def __init__(self, identifier, pid, number, arguments):
        self.identifier, self.pid = identifier, pid
        self.name, self._places = BY_NUMBER[number]
        self._arguments = arguments

    def paths(self):
        """The paths that it's about, made absolute by what the kernel knows of the process (proc(5))."""
        return [self._path(place) for place in self._places]

    def _path(self, place):
        if isinstance(place, int):
            return self._link("fd/{}".format(_signed(self._arguments[place])))
        directory, path = place
        text = self._text(self._arguments[path])
        if text.startswith("/"):
            return text
        number = AT_FDCWD if directory is None else _signed(self._arguments[directory])
        base = self._link("cwd" if number == AT_FDCWD else "fd/{}".format(number))
        return base + "/" + text if text else base

    def _link(self, name):
        try:
            return os.readlink("/proc/{}/{}".format(self.pid, name))
        except OSError:
            return "?"

    def _text(self, address):
        if address == 0:
            return ""
        try:
            with open("/proc/{}/mem".format(self.pid), "rb", 0) as memory:
                memory.seek(address)
                size = min(4096, 4096 - address % 4096 or 4096)
                data = memory.read(size)
                while b"\0" not in data and len(data) < 4096:
                    data += memory.read(4096)
        except (OSError, ValueError, OverflowError):
            return "?"
        return os.fsdecode(data.split(b"\0", 1)[0])


def _signed(value):
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value & 0x80000000 else value


def receive(listener):
    """The next waiting call; None when its process was ended meanwhile."""
    buffer = bytearray(80)
    try:
        fcntl.ioctl(listener, RECEIVE, buffer)
    except OSError:
        return None
    identifier, pid, _, number, _, _ = struct.unpack_from("QIIiIQ", buffer)
    return Call(identifier, pid, number, struct.unpack_from("6Q", buffer, 32))


def go_on(listener, call):
    """Lets the kernel do it."""
    try:
        fcntl.ioctl(listener, SEND, bytearray(struct.pack("QqiI", call.identifier, 0, 0, CONTINUE)))
    except OSError:
        pass  # its process was ended
