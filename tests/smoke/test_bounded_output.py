"""What tests print, as much as they like."""

import contextlib
import os
import resource
import subprocess
import sys

import pytest

from cdconf.smoke.output import KEPT, OutputPipe

PRINTING = "import os, time\nwhile True: os.write(1, b'x' * 65535 + b'\\n')"


@pytest.fixture
def output():
    with contextlib.closing(OutputPipe()) as one:
        yield one


def started(output, code):
    process = subprocess.Popen([sys.executable, "-c", code], stdout=output.writing, stdin=subprocess.DEVNULL)
    output.given()
    return process


def ended(process):
    process.kill()
    process.wait()


def test_output_without_end_fills_nothing(output):
    process = started(output, PRINTING)
    try:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert not output.until_ended(process, 1.5)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB
    finally:
        ended(process)
    assert len(output.text()) <= KEPT


def test_the_last_words_are_there_though_something_goes_on(output):
    code = (
        "import subprocess, sys\n"
        "print('x' * (3 << 20))\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('left', left.pid, flush=True)\n"
        "print('1 passed', flush=True)\n"
    )
    process = started(output, code)
    assert output.until_ended(process, 60)
    text = output.text()
    os.kill(int(text.split("left ")[1].split()[0]), 9)
    assert text.endswith("1 passed\n")
    assert len(text) == KEPT


def test_who_closes_its_output_is_waited_for(output):
    process = started(output, "import os, time; os.close(1); os.close(2); time.sleep(0.5)")
    assert output.until_ended(process, 60)
    assert process.returncode == 0
    assert output.text() == ""
