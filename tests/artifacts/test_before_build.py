"""The hook before a build: it's a part of the build, which ends with it when it fails."""

import subprocess
from types import SimpleNamespace

from cdconf.artifacts.build import _words, command_line
from cdconf.inventory.hooks import Hooks


def built(before, line):
    app = SimpleNamespace(build=line, hooks=Hooks(before))
    done = subprocess.run(_words(app), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr, command_line(app)


def test_it_runs_before_the_build_and_the_provenance_names_both():
    assert built("echo one; X=1", 'echo "two $X"') == (0, "one\ntwo \n", 'echo one; X=1 && echo "two $X"')
    assert built(None, "echo alone") == (0, "alone\n", "echo alone")


def test_the_build_fails_with_it_and_its_last_line_says_so():
    assert built("echo bad; exit 7", "echo never")[:2] == (7, "bad\nthe before_build hook failed\n")
    assert built("true", "exit 5")[0] == 5
