"""`python -m cdconf.cli.child`: a verb that a run of the pipeline has started, and that ends in order when that dies.

The pipeline holds the other end of its stdin. When that's gone, so is the pipeline, whatever has become of it; the verb
then ends as it does at SIGTERM: what it has begun is rolled back, and its leases are given back.
"""

from __future__ import annotations

import os
import signal
import threading

from cdconf.cli.main import run


def _watch(pipe: int) -> None:
    while os.read(pipe, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Runs the command line."""
    pipe = os.dup(0)  # not inherited
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    threading.Thread(target=_watch, args=(pipe,), daemon=True, name="cdconf-pipeline").start()
    run()


if __name__ == "__main__":
    main()
