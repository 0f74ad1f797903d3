"""Where the dashboard may listen, and whom it believes."""

import pytest

from cdconf.errors import UsageError
from cdconf.web.binding import BindRequest, allowed, binding_of


def test_loopback():
    found = binding_of(BindRequest())
    assert (found.address, found.port, found.url) == ("127.0.0.1", 8790, "http://localhost:8790")
    assert found.names == {"localhost", "127.0.0.1", "::1"}
    assert not found.believes("127.0.0.1")
    assert binding_of(BindRequest("[::1]:1")).url == "http://localhost:1"
    assert binding_of(BindRequest("localhost:1")).address == "127.0.0.1"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (BindRequest("0.0.0.0:80"), "to whoever reaches that address"),
        (BindRequest("10.0.0.5:80", names=("x",)), "to whoever reaches that address"),
        (BindRequest("0.0.0.0:80", "cert", "key"), "by which name"),
        (BindRequest(certificate="cert"), "belong together"),
        (BindRequest("10.0.0.5:80", proxies=("10.0.0.1",)), "--behind needs the header"),
        (BindRequest("10.0.0.5:80", proxies=("0.0.0.0/0",), user_header="X-User"), "would believe everybody"),
        (BindRequest("10.0.0.5:80", proxies=("proxy",), user_header="X-User"), "isn't an address"),
        (BindRequest(user_header="X-User"), "from listed proxies only"),
        (BindRequest(proxies=("10.0.0.1",), user_header="X User"), "isn't a header's name"),
        (BindRequest("unix:/run/x"), "who somebody is"),
        (BindRequest("unix:x", user_header="X-User"), "absolute path"),
        (BindRequest("8790"), "isn't ADDR:PORT"),
        (BindRequest("127.0.0.1:99999"), "isn't ADDR:PORT"),
        (BindRequest("example.org:80"), "isn't ADDR:PORT"),
        (BindRequest(names=("a/b",)), "isn't a name"),
    ],
)
def test_refused(wish, message):
    with pytest.raises(UsageError, match=message):
        binding_of(wish)


def test_a_listed_proxy_is_believed_and_nobody_else():
    found = binding_of(
        BindRequest("0.0.0.0:80", proxies=("10.0.0.0/30", "fd00::1"), user_header="X-User", names=("board",))
    )
    believed = {peer: found.believes(peer) for peer in ("10.0.0.2", "fd00::1", "10.0.0.9", "127.0.0.1", "x", None)}
    assert believed == {
        "10.0.0.2": True,
        "fd00::1": True,
        "10.0.0.9": False,
        "127.0.0.1": False,
        "x": False,
        None: False,
    }
    assert found.user_header == "x-user"
    assert binding_of(BindRequest("unix:/run/x", user_header="X-User")).believes(None)


@pytest.mark.parametrize(
    ("header", "is_own"),
    [
        *(
            ("localhost", True),
            ("LOCALHOST:80", True),
            ("[::1]:80", True),
            ("127.0.0.1:1", True),
            (" localhost ", True),
        ),
        *(("evil", False), ("", False), ("localhost.", False), ("localhost@evil", False), ("[localhost]", True)),
    ],
)
def test_hosts(header, is_own):
    assert allowed(header, binding_of(BindRequest()).names) is is_own
