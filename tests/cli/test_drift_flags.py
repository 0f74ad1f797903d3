"""Which options of `drift` go together; no host is asked."""

import pytest

from tests.conftest import cdconf


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--check", "--check goes with --fix"),
        ("--override because", "only --fix without --check meets one"),
        ("--fix --check --override because", "only --fix without --check meets one"),
        ("--fix --applied", "--fix puts back what the files of the work tree say"),
        ("--fix --at HEAD", "--fix puts back what the files of the work tree say"),
    ],
)
def test_what_makes_no_sense_is_refused(project, flags, words):
    result = cdconf(project, "drift", "dev", *flags.split())
    assert result.returncode == 1
    assert words in result.stderr
