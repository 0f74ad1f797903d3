"""Which options of `drift` go together; no host is asked."""

import pytest

from tests.conftest import cdconf


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--check", "--check needs --fix"),
        ("--override because", "--override needs --fix without --check"),
        ("--fix --check --override because", "--override needs --fix without --check"),
        ("--fix --applied", "--fix always uses the files of the work tree"),
        ("--fix --at HEAD", "--fix always uses the files of the work tree"),
    ],
)
def test_what_makes_no_sense_is_refused(project, flags, words):
    result = cdconf(project, "drift", "dev", *flags.split())
    assert result.returncode == 1
    assert words in result.stderr
