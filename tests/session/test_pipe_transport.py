"""Commands of this machine as transports."""

import contextlib
import os
import resource

import pytest

from cdconf.session.transport import PipeTransport, TransportClosed, TransportSilent


@pytest.fixture
def many_descriptors():
    """The next one that's opened has a number above 1,024."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2048), limits[1]))
    with contextlib.ExitStack() as stack:
        while (one := os.open(os.devnull, os.O_RDONLY)) < 1100:
            stack.callback(os.close, one)
        stack.callback(os.close, one)
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("many_descriptors")
def test_hundreds_of_hosts_are_read_and_written():
    transport = PipeTransport(["/bin/sh", "-c", "sleep 0.2; cat"])
    with contextlib.closing(transport):
        with pytest.raises(TransportSilent):
            transport.read(10, 0.01)
        transport.write(b"x" * 100_000)  # more than a pipe holds, while nobody reads
        assert transport.read(65536, 5.0)


def test_what_has_ended_takes_nothing():
    transport = PipeTransport(["/bin/true"])
    with contextlib.closing(transport), pytest.raises(TransportClosed):
        transport.write(b"x" * 10_000_000)
