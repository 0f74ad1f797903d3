"""`cdconf`, whose runs of the pipeline are a shell script, which gets the commit: `program.py SCRIPT ARGUMENTS…`."""

import signal
import sys

from cdconf.cli.main import run
from cdconf.pipeline.watch import work

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests may run with nohup
script = sys.argv.pop(1)
work.command = lambda root, commit: ["sh", script, commit]
run()
