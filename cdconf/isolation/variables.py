"""The environment variables that the commit's own code gets: those that it's known to need, and never a key.

An allow-list, since nobody can name all secrets. `CDCONF_PASS_VARIABLES` is the operator's: names that are passed on
as well, with `*` for any ending. What belongs to cdconf, to keys, to the artifact store and to the database never is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

MORE = "CDCONF_PASS_VARIABLES"
_ALLOWED = re.compile(
    # The system, and how text looks.
    r"PATH|HOME|USER|LOGNAME|SHELL|TZ|TERM|COLORTERM|LANG|LANGUAGE|LC_\w+|TMPDIR|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|CI"
    r"|DEBIAN_FRONTEND|SOURCE_DATE_EPOCH|LD_LIBRARY_PATH"
    # How the network is reached.
    r"|(https?|ftp|all|no)_proxy|(HTTPS?|FTP|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    # Tools that build and test.
    r"|(PYTHON|PYTEST_|PIP_|UV_|NODE_|npm_config_|NPM_CONFIG_|YARN_|GO|CARGO_|RUST|JAVA_|MAVEN_|GRADLE_|GEM_|BUNDLE_)\w*"
    r"|VIRTUAL_ENV|CC|CXX|AR|LD|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|PKG_CONFIG_\w+|CMAKE_\w+"
)
# What a name among the allowed ones says about its value.
_SPEAKS_OF_A_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|_AUTH|APIKEY|_KEY(_|\Z)|GOOGLE", re.IGNORECASE)
# A password in a URL, such as that of a private package index. A proxy is of no use without its own.
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")
_NEVER = re.compile(r"(CDCONF_|SSH_|AWS_|PG|AGE_|SOPS_AGE_|GPG_|GNUPG)\w*|DBUS_SESSION_BUS_ADDRESS|XDG_RUNTIME_DIR")


def scrubbed(given: Mapping[str, str]) -> dict[str, str]:
    """What's passed on of this process's variables.

    Args:
        given: All of them.
    """
    wanted = [one for one in re.split(r"[,\s]+", given.get(MORE, "")) if one]
    return {name: value for name, value in given.items() if _is_passed(name, value, wanted)}


def _is_passed(name: str, value: str, wanted: list[str]) -> bool:
    if _NEVER.fullmatch(name):
        return False
    if any(fnmatchcase(name, one) for one in wanted):
        return True
    if _ALLOWED.fullmatch(name) is None or _SPEAKS_OF_A_SECRET.search(name) is not None:
        return False
    return name.lower().endswith("_proxy") or _PASSWORD.search(value) is None
