"""Runs something in a process of its own, stops it before each step, and lets the attacker act at one of them.

A step is a call about a path or a descriptor below the place, or the start of a program, by a process that is root.
What happens between two of them can't matter: whatever looks at the place, or changes it, is a step itself.
"""

import array
import os
import resource
import select
import signal
import socket
import time

import syscalls

FIFO = "it waits in open(2) for a FIFO's other end"
OWN = "a process of the attacker's own waits, until the agent's time limit for it"  # so nobody else does
LIMIT = 20.0  # seconds for one try
MEMORY = 1536 * 1024 * 1024  # bytes that the agent may take
STUCK = 0.4  # seconds after which a process that waits for a FIFO's other end is seen to hang
OPENING = {2, 257, 437}


class Outcome(object):
    """What became of it: the steps that were made, whether it hung, and whether the swap was done."""

    def __init__(self):
        self.steps = []
        self.hung = None
        self.swapped = False


def ended(outcome, said):
    """Why an agent didn't end as it should, in words: it hung, or took all the memory that it was given."""
    found = [outcome.hung] if outcome.hung else []
    return found + ["it ran out of memory" for one in said if "MemoryError" in str(one.get("message"))]


def run(action, prefixes, at=None, swap=None, swap_back=None):
    """Runs `action` in a child.

    Args:
        action: A function without arguments.
        prefixes: The beginnings of those paths that steps are about.
        at: The number of the step before which `swap` is called, from 0; None: never.
        swap: Called at that step.
        swap_back: Called at the step after it; None leaves things as they are.
    """
    here, there = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        _child(action, there)
    there.close()
    _, ancillary, _, _ = here.recvmsg(1, socket.CMSG_SPACE(4))
    here.close()
    listener = array.array("i", ancillary[0][2])[0]
    os.set_inheritable(listener, False)
    outcome = Outcome()
    ended = OWN
    try:
        ended = _supervise(listener, _Watch(prefixes, at, swap, swap_back, outcome))
        outcome.hung = None if ended == OWN else ended
    finally:
        if ended:
            end(pid)
        os.close(listener)
        os.waitpid(pid, 0)
    return outcome


def _child(action, there):
    status = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        listener = syscalls.listen()
        there.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]).tobytes())])
        os.close(listener)
        action()
        status = 0
    finally:
        os._exit(status)


class _Watch(object):
    """What's done at each call: steps are counted, and at one of them the attacker acts."""

    def __init__(self, prefixes, at, swap, swap_back, outcome):
        self._prefixes, self._at, self._swap, self._swap_back = prefixes, at, swap, swap_back
        self._outcome = outcome
        self._is_done = False
        self.pids = set()

    def see(self, call):
        """One call that waits."""
        self.pids.add(call.pid)
        step = None if self._is_done else _step(call, self._prefixes)
        if step is None:
            return
        number = len(self._outcome.steps)
        self._outcome.steps.append(step)
        if number == self._at:
            self._outcome.swapped = self._swap()
            self._is_done = self._swap_back is None
        elif self._at is not None and number == self._at + 1:
            if self._outcome.swapped:
                self._swap_back()
            self._is_done = True


def _supervise(listener, watch):
    """Lets one call after the other go on; returns None when all is done, or why it hangs."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    left = LIMIT  # a machine that stands still for a while isn't the agent's fault
    while left > 0:
        begun = time.monotonic()
        ready = poll.poll(STUCK * 1000)
        left -= min(time.monotonic() - begun, 2 * STUCK)
        if not ready:
            waiting = _waits_for_fifo(watch.pids)
            if waiting is not None and not poll.poll(0):  # else it waits for this supervisor, since a moment ago
                return FIFO if waiting == 0 else OWN
        elif not ready[0][1] & select.POLLIN:
            return None  # all processes have ended
        else:
            call = syscalls.receive(listener)
            if call is not None:
                watch.see(call)
                syscalls.go_on(listener, call)
    return OWN if is_anothers(watch.pids) else "it took longer than {:g} s".format(LIMIT)


def is_anothers(pids):
    """Whether a process that isn't root is still at work: what root waits for then has a time limit of the agent's."""
    for pid in pids:
        try:
            with open("/proc/{}/stat".format(pid)) as stream:
                state = stream.read().rpartition(")")[2].split()[0]
            if state != "Z" and os.stat("/proc/{}".format(pid)).st_uid != 0:
                return True
        except (OSError, IndexError):
            continue
    return False


def _step(call, prefixes):
    """The step's name and paths; None for what is none."""
    try:
        if os.stat("/proc/{}".format(call.pid)).st_uid != 0:
            return None
    except OSError:
        return None
    paths = call.paths()
    if call.name not in syscalls.PROGRAMS and not any(_matters(path, prefixes) for path in paths):
        return None
    return " ".join([call.name] + paths)


def _matters(path, prefixes):
    # What a relative or a magic path leads to is for the kernel to say.
    return path.startswith((*prefixes, "/proc/self/fd", "?")) or "/cwd/" in path


def _waits_for_fifo(pids):
    """The uid of a process that waits in open(2), which only FIFOs make it do; None when there's none."""
    found = []
    for pid in pids:
        try:
            with open("/proc/{}/syscall".format(pid)) as stream:
                number = stream.read().split()[0]
            with open("/proc/{}/stat".format(pid)) as stream:
                state = stream.read().rpartition(")")[2].split()[0]
            uid = os.stat("/proc/{}".format(pid)).st_uid
        except (OSError, IndexError):
            continue
        if state == "S" and number.isdigit() and int(number) in OPENING:
            found.append(uid)
    return min(found) if found else None


def family(pid):
    """A process and what it has started, itself or through others that live; a session of their own is no escape."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/{}/stat".format(name)) as stream:
                    words = stream.read().rpartition(")")[2].split()
                parents[int(name)] = int(words[1]), int(words[3])
            except (OSError, ValueError, IndexError):
                continue
    found = {one for one, (_, session) in parents.items() if session == pid} | {pid}
    while True:
        more = {one for one, (parent, _) in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def end(pid):
    """Ends the child and what it has started."""
    for one in family(pid):
        try:
            os.kill(one, signal.SIGKILL)
        except OSError:
            continue
