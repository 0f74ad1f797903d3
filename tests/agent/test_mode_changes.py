"""Modes given as changes do what chmod(1) does."""

import stat
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cdconf.agent.files import owners

CLAUSES = st.builds(
    "{}{}{}".format,
    st.text("ugoa", min_size=1, max_size=3),
    st.sampled_from("-+="),
    st.text("rwxXst", max_size=3),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(CLAUSES, min_size=1, max_size=3).map(",".join), st.integers(0, 0o7777), st.booleans())
@example("go-w,a-s", 0o6777, False)
@example("u=rwX,go=rX", 0o6744, True)
@example("a=", 0o7777, True)
def test_chmod_does_the_same(tmp_path, change, mode, is_directory):
    path = tmp_path / ("d" if is_directory else "f")
    if not path.exists():
        path.mkdir() if is_directory else path.touch()
    path.chmod(mode)
    before = path.stat().st_mode
    subprocess.run(["chmod", change, path], check=True)
    assert owners.mode_bits(change, before) == stat.S_IMODE(path.stat().st_mode)


def test_without_a_letter_it_is_for_all():
    assert owners.mode_bits("+x", stat.S_IFREG | 0o644) == 0o755
    assert owners.mode_bits("-w", stat.S_IFREG | 0o666) == 0o444


@pytest.mark.parametrize(("mode", "bits"), [("0640", 0o640), ("4755", 0o4755)])
def test_octal_digits_are_the_whole_mode(mode, bits):
    assert owners.mode_bits(mode, stat.S_IFREG | 0o777) == bits
