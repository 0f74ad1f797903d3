"""Outboxes of tests: a clock that's set by hand, receivers that are functions."""

from cdconf.clocks import Clock
from cdconf.notify.kinds import Notification
from cdconf.notify.outbox import Outbox
from cdconf.notify.patience import Patience
from cdconf.notify.sender import Sender
from cdconf.notify.settings import Receiver, Settings

QUICK = Patience(sure=(1.0, 2.0), unsure=(3.0,), look=0.0)


class Time:
    """A clock that stands still until it's set; in seconds since 1970."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


class Arrived:
    """A delivery that has ended as soon as it begins."""

    def __init__(self, outcome, why=""):
        self._result = outcome, why

    def is_over(self):
        return True

    def result(self):
        return self._result


class Box:
    """An outbox, its sender's receivers, and all that was sent: `(target's URL, title)`."""

    def __init__(self, folder, *targets, patience=QUICK):
        self.time = Time()
        self.folder = folder
        self.outbox = Outbox(folder, Clock(here=self.time))
        self.targets = {name: Receiver(name, f"json://{name}") for name in targets or ("ops",)}
        self.pings = ()
        self.patience = patience
        self.sent = []
        self.answers = {}

    def add(self, *titles, kind="released", **about):
        with self.outbox.change():
            found = [Notification(f"{kind}:{one}", kind, one, **about) for one in titles]
            self.outbox.add(found, self.targets, "demo")

    def drain(self):
        """Sends what may be sent at this moment."""
        sender = Sender(self.outbox, "demo", self.patience, self._deliver, lambda: Settings(self.targets, self.pings))
        return sender.drain(waits=False)

    def _deliver(self, request):
        where = request.get("url") or request["ping"]
        self.sent.append((where, request.get("title")))
        answer = self.answers.get(where, ("sent", ""))
        return Arrived(*(answer.pop(0) if isinstance(answer, list) else answer))

    @property
    def titles(self):
        return [title for _, title in self.sent]
