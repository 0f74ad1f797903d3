import signal
import subprocess
import sys
import textwrap

import pytest


def run(body):
    """In a process of its own, which has one thread as cdconf has."""
    script = "import os, signal\nfrom cdconf.errors import *\nfrom cdconf.plans.parallel import spread\n"
    script += "names = [str(number) for number in range(205)]\n" + textwrap.dedent(body)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.split(), done.stderr


def test_parts_keep_their_order_and_run_in_processes_of_their_own():
    out, error = run(
        """
        found = spread(lambda part: (os.getpid(), part), names, 4)
        print(len(found), sum((part for _, part in found), []) == names, len({pid for pid, _ in found} | {os.getpid()}))
        """
    )
    assert (out, error) == (["4", "True", "5"], "")


def test_an_error_comes_through_whole():
    out, _ = run(
        """
        def work(part):
            if "190" in part:
                raise InvalidFile("no", file="a.yml", line=3, hint="yes")
        try:
            spread(work, names, 4)
        except InvalidFile as error:
            print(error.file, error.line, error.hint, error.message)
        """
    )
    assert out == ["a.yml", "3", "yes", "no"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_dies_is_no_result(number):
    out, _ = run(
        f"""
        def work(part):
            if "0" in part:
                os.kill(os.getpid(), {int(number)})
        try:
            print(spread(work, names, 2))
        except CdconfError as error:
            print(error.message)
        """
    )
    assert " ".join(out) == "a process that compiled hosts was killed"


def test_little_work_is_done_here():
    out, _ = run("print(spread(lambda part: os.getpid(), names[:60], 4) == [os.getpid()])")
    assert out == ["True"]
