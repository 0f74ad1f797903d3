"""How cdconf.yml says how an app is rolled out, and what it can't say."""

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory import Drain, Health, load_project

APP = "apps:\n  shop:\n    groups: [web]\n    path: /srv/shop\n"


def shop(project, text):
    config = project / "cdconf.yml"
    config.write_text(config.read_text() + APP + f"    {text}\n")
    return load_project(project).apps["shop"]


def test_health_may_ask_several_things_at_once(project):
    text = 'health: {http: "http://x/", status: [200, 204], contains: ok, tcp: "x:1", systemd: shop, within: 5s}'
    wanted = Health("http://x/", (200, 204), "ok", "x:1", None, ("shop",), 5.0)
    assert shop(project, text).health == wanted
    assert wanted.as_check()["systemd"] == ["shop"]


def test_one_status_and_one_unit_need_no_list(project):
    health = shop(project, 'health: {http: "http://x/", status: 401, systemd: "shop@1.service"}').health
    assert (health.status, health.systemd, health.within) == ((401,), ("shop@1.service",), 30.0)


def test_a_drain_s_commands_are_kept_as_they_are(project):
    drain = shop(project, "drain: {group: web, command: 'x \"$CDCONF_HOST\"', undrain: y, wait: 2s}").drain
    assert drain == Drain("web", 'x "$CDCONF_HOST"', "y", 2.0, 30.0)


@pytest.mark.parametrize("value", ["1", "25%"])
def test_max_unavailable_is_a_count_or_a_percentage(project, value):
    assert shop(project, f"max_unavailable: {value}").max_unavailable == value


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("health: {within: 5s}", "needs at least one of http, tcp, command, systemd", None),
        ('health: {tcp: "x:1", status: 200}', "'status' in health of app 'shop' is about an answer", None),
        ('health: {tcp: "x:1", contains: ok}', "'contains' in health of app 'shop' is about an answer", None),
        ('health: {http: "http://x", status: 2xx}', "must be an HTTP status such as 200", None),
        ('health: {http: "http://x", status: [20]}', "must be an HTTP status such as 200", None),
        ('health: {http: "http://x", status: []}', "is empty, so no answer would do", None),
        ('health: {http: "http://x", contains: ""}', "is empty, which any answer contains", None),
        ("health: {systemd: []}", "must be units' names", "such as nginx"),
        ('health: {systemd: "a; b"}', "must be units' names", "such as nginx"),
        ("health: {http: ftp://x}", "must be a URL", None),
        ("max_unavailable: 0", "must be a count or a percentage", "with 0 nothing could ever be deployed"),
        ("max_unavailable: all", "must be a count or a percentage", "such as 1 or 25%"),
        ("max_unavailable: true", "must be a count or a percentage", "such as 1 or 25%"),
        ("max_unavailable: 101%", "must be a count or a percentage", "such as 1 or 25%"),
        ("drain: {group: wbe, command: x, undrain: y}", "names an unknown group 'wbe'", "did you mean 'web'?"),
        ("drain: {group: web, command: x}", "drain of app 'shop' has no 'undrain'", None),
        ("drain: {group: web, command: ' ', undrain: y}", "'command' in drain of app 'shop' is empty", None),
        ("drain: {group: web, command: x, undrain: y, within: 0}", "leaves its commands no time", None),
        ("drain: {group: web, comand: x, undrain: y}", "unknown key 'comand'", "did you mean 'command'?"),
        ("drain: web", "'drain' in app 'shop' must be a mapping", None),
    ],
)
def test_what_can_not_be_meant_is_refused_with_its_line(project, text, message, hint):
    with pytest.raises(InvalidFile) as caught:
        shop(project, text)
    assert message in caught.value.message
    assert caught.value.line == (project / "cdconf.yml").read_text().count("\n")
    assert hint is None or hint in caught.value.hint
