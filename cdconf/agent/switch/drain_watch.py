"""The dead man's switch of drains at work: puts hosts back into use when the run that drained them is dead.

systemd starts it, from the unit that `cdconf.agent.switch.drains` has written, when something is about to be drained,
and at every boot that finds something drained. What can't be put back is tried again, ever more seldom, and `cdconf
status` says why.
"""

from cdconf.agent.errors import Failed
from cdconf.agent.lease.lease import FILE as LEASE
from cdconf.agent.switch.drains import HostDrains, waiting
from cdconf.agent.switch.watch import LOOK, ActivationWatch, say, serve

LONGEST = 60.0  # seconds between two attempts


class DrainWatch(ActivationWatch):
    """Watches over what an app's deployment has drained here; `switch` is a `HostDrains`."""

    def run(self):
        """Until nothing is drained but what's kept so. The host's own services needn't wait for it at boot."""
        self.ready()
        pause = LOOK
        while self._waits():
            left = self.switch.left(self.store.read(LEASE))
            if left is not None and left > 0:
                self.sleep(max(0.05, min(left, LOOK)))
                continue
            try:
                if self._attempt():
                    return
                self.sleep(LOOK)
            except Failed as error:
                say(error.text())
                self.sleep(pause)
                pause = min(2 * pause, LONGEST)

    def _waits(self):
        """Whether there's something that this host is to put back."""
        return bool(waiting(self.switch.armed()))

    def _name(self):
        return "drain-{}".format(self.app)

    def _reason(self):
        return "it puts back what {} has drained".format(self.app)

    def _go_back(self, armed, booting):
        """Puts all back, each by the command that was written down with it; the first problem is raised at the end."""
        problem = None
        for name in waiting(armed):
            say("no heartbeat for {:g} s: {} is put back".format(armed["within"] or 0, name))
            try:
                self.switch.put_back(name, armed["drain"])
            except Failed as error:
                problem = problem or error
        if problem is not None:
            self.switch.note(problem.message)
            raise problem
        return True


def main():
    """Started by boot.py with the project's and the app's name."""
    serve(DrainWatch, HostDrains)
