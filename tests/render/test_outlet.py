"""stdout and stderr end when nobody reads them any more, and nothing that's written to them fails."""

import os
import subprocess
import sys

import pytest

from cdconf.render.outlet import Outlet, is_over, outlet_of


@pytest.fixture
def pipe():
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


def test_what_is_read_is_what_was_written(pipe):
    outlet = Outlet(pipe[1])
    assert outlet.write(b"some") == 4
    assert os.read(pipe[0], 10) == b"some"
    assert (outlet.is_over, outlet.failure) == (False, None)


def test_a_reader_that_has_gone_ends_the_output(pipe):
    outlet = Outlet(pipe[1])
    os.close(pipe[0])
    pipe[0] = os.open(os.devnull, os.O_RDONLY)
    assert outlet.write(b"some") == 4
    assert outlet.write(b"more") == 4
    assert (outlet.is_over, outlet.failure) == (True, None)
    # What's started from now on doesn't fail of it either.
    assert subprocess.run(["echo", "a"], stdout=pipe[1], check=False).returncode == 0


def test_a_full_disk_is_remembered_and_the_next_line_is_tried():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(descriptor)
    assert outlet.write(b"some") == 4
    os.close(descriptor)
    assert outlet.failure.strerror == "No space left on device"
    assert not outlet.is_over


def test_a_pipe_that_another_program_made_impatient_is_waited_for(pipe):
    os.set_blocking(pipe[1], False)
    data = bytes(1024 * 1024)
    reader = subprocess.Popen(["wc", "-c"], stdin=pipe[0], stdout=subprocess.PIPE)
    os.close(pipe[0])
    pipe[0] = os.open(os.devnull, os.O_RDONLY)
    outlet = Outlet(pipe[1])
    assert outlet.write(data) == len(data)
    os.close(pipe[1])
    pipe[1] = os.open(os.devnull, os.O_RDONLY)
    assert int(reader.communicate(timeout=30)[0]) == len(data)
    assert outlet.failure is None


def test_streams_that_were_closed_from_the_start_take_no_descriptor_of_anything_else():
    program = (
        "import os; from cdconf.render.outlet import open_outlets; open_outlets();"
        "import sys; print('a'); print('b', file=sys.stderr); sys.stdin.read();"
        "os._exit(0 if os.open('/dev/null', 0) > 2 else 1)"
    )
    command = f'exec {sys.executable} -c "{program}" <&- >&- 2>&-'
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0


def test_a_stream_of_somebody_else_is_none_of_ours(capsys):
    assert outlet_of(sys.stdout) is None
    assert not is_over(sys.stdout)
