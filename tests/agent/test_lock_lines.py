"""What pip may read of a lock file: hashed requirements, and no option that leads to something else."""

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.packages import locked

HASH = "--hash=sha256:" + "a" * 64
GOOD = {
    f"x==1 {HASH}\n": f"x==1 {HASH}\n",
    f"# coding: utf-7\nx==1 \\\n    {HASH} \\\n    {HASH}\n    # via y\n": f"x==1  {HASH}  {HASH}\n",
    f"\ufeff--only-binary :all:\n--no-index\n./w/x-1-py3-none-any.whl {HASH}": (
        f"--only-binary :all:\n--no-index\n./w/x-1-py3-none-any.whl {HASH}\n"
    ),
    f"x[a,b]==1 ; python_version >= '3' and sys_platform != 'win-32' {HASH}": (
        f"x[a,b]==1 ; python_version >= '3' and sys_platform != 'win-32' {HASH}\n"
    ),
    "": "",
}
LEADS_AWAY = (
    *("-r x", "--requir x", "--requirement=x", "-c x", "-e .", "--edit .", "--index u", "-i u", "--index-url \\\n u"),
    *("--extra-index-url u", "--extra u", "-f d", "--find-links=d", "--trusted-host h", "--use-feature=a"),
    *("--only-binary :all: --index-url u", "--no-binary=a -i u", "--only-binary='a' "),
)
MORE_THAN_HASHES = (
    *("x==1", "x==1 --hash=md5:aa", f"x==1 {HASH} --index-url u", f"x==1 -r y {HASH}", f"x==1 {HASH} -r y"),
    *(f"x==1 --global-option=a {HASH}", f"x==1 {HASH} --config-settings a=b", "x\\\n==1", f"x==1 {HASH} \\"),
    f"+AC0-r x\nx==1 {HASH}",  # `-r x` in UTF-7
)


@pytest.mark.parametrize("text", GOOD)
def test_pip_gets_what_was_checked_without_comments(text):
    assert locked.requirements(text, "lock") == GOOD[text]


@pytest.mark.parametrize("line", LEADS_AWAY)
def test_an_option_that_leads_to_something_else_is_refused_with_its_line(line):
    with pytest.raises(Failed, match=r"line 3 of 'lock' leads to something else with '-"):
        locked.requirements(f"x==1 \\\n {HASH}\n{line}\n", "lock")


@pytest.mark.parametrize("line", MORE_THAN_HASHES)
def test_a_requirement_has_hashes_and_no_other_option(line):
    with pytest.raises(Failed, match="line 1 of 'lock' has no hash, or options besides hashes"):
        locked.requirements(line, "lock")


@pytest.mark.parametrize("line", [f"${{X}}==1 {HASH}", f"x\t==1 {HASH}", "\u00e9==1 " + HASH])
def test_characters_that_pip_would_replace_are_refused(line):
    with pytest.raises(Failed, match="line 1 of 'lock' is too long, or has characters"):
        locked.requirements(line, "lock")


def test_an_error_shows_no_password_of_a_url():
    for line in ("--index-url=https://me:sesame@example.org", "--index-url https://me:sesame@example.org"):
        with pytest.raises(Failed) as caught:
            locked.requirements(line, "lock")
        assert "sesame" not in str(caught.value)
