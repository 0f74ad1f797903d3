"""How values go on over several lines in INI files: each program has its own rule, and some have none.

`indented`: in lines that are indented deeper, as in files of Python's configparser. `backslash`: behind a backslash at
a line's end, as in git-config(1). `systemd`: the same, past comments (systemd.syntax(7)). `none`: never.
"""

import posixpath

CONTINUATIONS = ("indented", "backslash", "systemd", "none")
UNITS = (
    "service", "timer", "socket", "path", "mount", "automount", "swap", "target", "slice", "network", "netdev", "link",
    "nspawn",
)  # fmt: skip
_SUFFIXES = {".desktop": "none", ".cnf": "none", ".nmconnection": "none", ".repo": "indented"}
_SUFFIXES.update({"." + suffix: "systemd" for suffix in UNITS})
_FOLDERS = (
    ("/etc/systemd/", "systemd"),
    ("/etc/NetworkManager/", "none"),
    ("/etc/php", "none"),
    ("/etc/mysql/", "none"),
    ("/etc/fail2ban/", "indented"),
    ("/etc/supervisor", "indented"),
)
_NAMES = {
    "backslash": ("gitconfig", ".gitconfig", ".gitmodules", "smb.conf", "openssl.cnf"),
    "none": ("php.ini", "odbc.ini", "odbcinst.ini"),
    "indented": (
        "setup.cfg", "tox.ini", "pytest.ini", "mypy.ini", "pip.conf", "pip.ini", "ansible.cfg", "alembic.ini",
        "supervisord.conf", "buildout.cfg", "airflow.cfg", "odoo.conf", "dnf.conf", "yum.conf", "hgrc", ".hgrc",
        "pylintrc", ".pylintrc", ".coveragerc", ".flake8", ".pypirc",
    ),
}  # fmt: skip


def continuation_of(path: "str") -> "str | None":
    """How values go on in a file, by its name; None when that isn't known."""
    name = posixpath.basename(path)
    for kind, names in _NAMES.items():
        if name in names:
            return kind
    if path.endswith(("/git/config", ".git/config")):
        return "backslash"
    by_folder = next((kind for folder, kind in _FOLDERS if path.startswith(folder)), None)
    in_unit = posixpath.dirname(path).endswith(tuple("." + suffix + ".d" for suffix in UNITS))
    return by_folder or ("systemd" if in_unit else _SUFFIXES.get(posixpath.splitext(name)[1]))
