"""What strikes a run: how it begins, and how it ends. A new one is a line in `plan.STRIKES` and a class here."""

import contextlib
import os
import signal

CONTROLLER = "controller"


class Kill:
    """SIGKILL: of the controller, or of cdconf's agent on a host."""

    def begin(self, run, world, victim):
        if victim == CONTROLLER:
            run.signal(signal.SIGKILL)
        else:
            world.kill_agents(victim)

    def end(self, run, world, victim):
        pass


class Cut:
    """The host's network is cut off, and comes back."""

    def begin(self, run, world, victim):
        world.cut(victim)

    def end(self, run, world, victim):
        world.mend(victim)


class Stop:
    """The host's power fails, and comes back."""

    def begin(self, run, world, victim):
        world.stop(victim)

    def end(self, run, world, victim):
        world.start(victim)


class Pause:
    """The host hangs for a while, for longer than it waits for beats: what it's sent waits in its buffers."""

    def begin(self, run, world, victim):
        world.pause(victim)

    def end(self, run, world, victim):
        world.unpause(victim)


class Freeze:
    """The controller sleeps for longer than its lease holds."""

    def begin(self, run, world, victim):
        run.signal(signal.SIGSTOP)

    def end(self, run, world, victim):
        run.signal(signal.SIGCONT)


class Hangup:
    """The controller's terminal is closed."""

    def begin(self, run, world, victim):
        run.signal(signal.SIGHUP)

    def end(self, run, world, victim):
        pass


class Pipe:
    """Whoever reads what the controller says goes away, as `| head` does."""

    def begin(self, run, world, victim):
        run.close_pipe()

    def end(self, run, world, victim):
        pass


ACTIONS = {one.__name__.lower(): one() for one in (Kill, Cut, Stop, Pause, Freeze, Hangup, Pipe)}


class Running:
    """A cdconf that runs, and whose output is kept.

    Args:
        process: Its process.
        log: An open file with what it has said for people; None: it's in the pipe.
        document: An open file with its JSON; None: it was asked for none.
        pipe: The end of a pipe from which its output is read; None: there's none.
    """

    def __init__(self, process, log=None, document=None, pipe=None):
        self.process = process
        self._log, self._document, self._pipe = log, document, pipe
        self._heard = b""

    def signal(self, number):
        self.process.send_signal(number)

    def close_pipe(self):
        """Reads what was said so far, and goes away."""
        self._hear()
        os.close(self._pipe)
        self._pipe = None

    def _hear(self):
        if self._pipe is None:
            return
        os.set_blocking(self._pipe, False)
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._pipe, 65536):
                self._heard += part

    def said(self):
        """What it has said for people so far."""
        self._hear()
        return (_read(self._log) if self._log else "") + self._heard.decode("utf-8", "replace")

    def document(self):
        """Its JSON as text, empty when there's none."""
        return _read(self._document) if self._document else ""

    def close(self):
        """Whatever became of the run: its process ends, and its files are closed."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._pipe is not None:
            os.close(self._pipe)
        for one in (self._log, self._document):
            if one is not None:
                one.close()


def _read(stream):
    stream.seek(0)
    return stream.read()
