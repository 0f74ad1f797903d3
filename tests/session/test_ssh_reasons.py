"""What people read when a connection fails; connections that are made at the same time."""

from types import SimpleNamespace

import fabric
import pytest
from paramiko.ssh_exception import NoValidConnectionsError

from cdconf.session.ssh_login import Login, fabric_config, meaning, prepare

ADDRESS = ("192.0.2.1", 22)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NoValidConnectionsError({ADDRESS: OSError(113, "No route to host")}), "h port 22: No route to host"),
        (NoValidConnectionsError({ADDRESS: ConnectionRefusedError(111, "no")}), "h port 22 refused the connection"),
        (OSError(101, "Network is unreachable"), "h port 22: Network is unreachable"),
    ],
)
def test_a_reason_names_the_cause(error, reason):
    assert str(meaning(error, SimpleNamespace(host="h", port=22), "")) == reason


def test_making_a_connection_never_touches_what_others_read_at_that_moment(monkeypatch):
    shared, merged = fabric_config(), []
    merge = fabric.Config.merge
    monkeypatch.setattr(fabric.Config, "merge", lambda self: merged.append(self) or merge(self))
    prepare(Login("192.0.2.1", user="root", port=22), direct=True)
    assert not any(one is shared for one in merged)
