"""The agent's main loop: requests in, events and results out, over stdin and stdout.

A request is `{"id", "call", "args"}`; it's answered by any number of `{"id", "event"}` and then one `{"id",
"result"}` or `{"id", "error"}`. Requests are served one after another by the main thread. A second thread reads,
so that beats are answered and the lease renewed while a package installs, and a stop is heard at once.
"""

import collections
import os
import sys
import threading
import time

from cdconf.agent import wire
from cdconf.agent.commands.execute import printable, unspeakable
from cdconf.agent.converge.apply import Stopped
from cdconf.agent.errors import Failed
from cdconf.agent.protocol import calls

LOOK = 1.0  # seconds between two looks at the lease
RAW_FRAMES = 64  # how many may wait for the main thread


class Inbox(object):
    """Frames that wait for the main thread; `queue.Queue` would cost every session its import."""

    def __init__(self):
        self._frames = collections.deque()
        self._arrived = threading.Condition()

    def put(self, frame):
        """Adds one at the end; waits while many raw frames are there, so that an upload doesn't fill the memory."""
        with self._arrived:
            while isinstance(frame, bytes) and len(self._frames) >= RAW_FRAMES:
                self._arrived.wait()
            self._frames.append(frame)
            self._arrived.notify_all()

    def get(self):
        """Takes the first one, waiting for it."""
        with self._arrived:
            while not self._frames:
                self._arrived.wait()
            self._arrived.notify_all()
            return self._frames.popleft()


class Agent(object):
    """One session's end on the host.

    Args:
        source: Binary stream of frames from the controller.
        sink: Binary stream to it.
    """

    def __init__(self, source, sink):
        self.exactly = source.read
        self.sink = sink
        self.requests = Inbox()
        self.writing = threading.Lock()
        self.stopping = False
        self.gone = False
        self.lost = None  # why the lease no longer holds
        self.store = None
        self.lease = None
        self.current = None
        self.staging = None  # what `app.prepare` leaves for `app.stage`

    def send(self, message):
        """Sends a frame; when the controller is gone, notes it and goes on: work in hand is finished whole."""
        try:
            with self.writing:
                self.sink.write(wire.pack(message))
                self.sink.flush()
        except (OSError, ValueError):
            self.gone = True

    def event(self, event):
        """Sends an event of the request that's being served."""
        self.send({"id": self.current, "event": event})

    def proceed(self):
        """Called before every change: ends the run when it may not go on.

        Raises:
            Stopped: The controller said stop, or is gone.
            Failed: The lease is lost.
        """
        if self.lost is not None:
            raise self.lost
        if self.gone or self.stopping:
            raise Stopped("stopped by the controller" if self.stopping else "the controller is gone")
        self.lease.check()

    def receive(self):
        """The next raw frame that belongs to the request being served; raises `Stopped` when there's none to come."""
        frame = self.requests.get()
        if isinstance(frame, bytes) and not self.stopping:
            return frame
        stop = isinstance(frame, dict) and "stop" in frame
        if not stop and not isinstance(frame, bytes):
            self.requests.put(frame)  # the next request, or the end
        raise Stopped("stopped by the controller" if stop or self.stopping else "the controller is gone")

    def read(self):
        """The reading thread: answers beats, hears stops, queues the rest."""
        try:
            while True:
                frame = wire.read(self.exactly)
                if frame is None:
                    break
                if isinstance(frame, dict) and "beat" in frame:
                    self._beat()
                elif isinstance(frame, dict) and "stop" in frame:
                    self.stopping = True
                    self.requests.put(frame)  # wakes a call that waits for raw frames
                elif isinstance(frame, dict) and "resume" in frame:
                    self.stopping = False
                else:
                    self.requests.put(frame)
        except (wire.BadFrame, OSError, ValueError) as error:
            _complain(error)
        finally:
            self.gone = True
            self.requests.put(None)

    def watch_lease(self):
        """From now on ends the session when its lease is lost.

        A controller that was cut off says no goodbye: its agent would be at work for as long as TCP believes in it.
        """
        watcher = threading.Thread(target=self._watch)
        watcher.daemon = True
        watcher.start()

    def _watch(self):
        while self.lost is None:
            time.sleep(LOOK)
            if self.lease.run is None:
                return
            self.lost = self.lease.loss()
        self.gone = True
        self.requests.put(None)

    def _beat(self):
        if self.lease is not None:
            try:
                self.lease.renew()
            except (OSError, Failed):
                pass  # a full disk: `check` ends the run when the lease has run out
        self.send({"beat": True})

    def serve(self):
        """Serves requests until the controller closes the channel."""
        reader = threading.Thread(target=self.read)
        reader.daemon = True
        reader.start()
        while True:
            request = self.requests.get()
            if request is None:
                return
            if isinstance(request, dict) and "call" in request and "id" in request:
                self.current = request["id"]
                self.send(self._answer(request))

    def serving(self, request):
        """The call that a request asks for, and its arguments."""
        return request["call"], request.get("args") or {}

    def _answer(self, request):
        try:
            return {"id": request["id"], "result": calls.call(self, *self.serving(request))}
        except Stopped as error:
            failure = Failed(str(error), kind="stopped")
        except Failed as error:
            failure = error
        except OSError as error:
            failure = Failed(str(error))
        except UnicodeEncodeError as error:
            failure = unspeakable(error)
        except Exception:
            import traceback

            failure = Failed("a bug in cdconf's agent", output=traceback.format_exc(), kind="bug")
        return {
            "id": request["id"],
            "error": {
                "kind": failure.kind,
                "message": printable(failure.message),
                "command": failure.command and printable(failure.command),
                "status": failure.status,
                "output": printable(failure.output),
                "details": failure.details,
            },
        }


def _complain(error):
    """Says on stderr what was wrong with the channel; the connection that would carry it may be gone, too."""
    try:
        sys.stderr.write("cdconf agent: {}\n".format(error))
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def main(make=Agent):
    """Keeps the channel's descriptors to itself, so that no child or stray print can disturb the frames."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.umask(0o022)
    os.chdir("/")
    agent = make(source, sink)
    agent.serve()
    if agent.lost is not None:
        _complain(agent.lost.message)
    # Not by way of Python's own end: it takes longer than many a call, and when the lease is lost it would wait for
    # the reading thread, which waits for frames that won't come and holds their stream.
    os._exit(0 if agent.lost is None else 1)
