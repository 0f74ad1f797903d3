"""How cdconf.yml says what brings an app's services to a release, which hooks it has, and what it can't say."""

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory.hooks import Hook
from tests.inventory.test_rolling import shop


def test_a_name_alone_is_restarted_and_one_needs_no_list(project):
    app = shop(project, "services: shop")
    assert (app.services, app.activation, app.stops) == (("shop",), {}, ())
    assert app.known == {"name": "shop", "path": "/srv/shop", "services": ["shop"]}


def test_services_keep_their_order_and_say_what_activates_them(project):
    text = (
        "services: [{service: shop.socket, activate: none}, shop, {service: proxy, activate: reload}, "
        "{service: crew, activate: signal SIGHUP}, {service: mailer, stop_before_migration: true}]"
    )
    app = shop(project, text)
    assert app.services == ("shop.socket", "shop", "proxy", "crew", "mailer")
    assert app.activation == {"shop.socket": "none", "proxy": "reload", "crew": "signal HUP"}
    assert app.stops == ("mailer",)
    assert app.known["activation"] == dict(app.activation)


def test_hooks_are_command_lines_or_say_more(project):
    hooks = shop(
        project, "hooks: {before_build: make x, after_activate: ./a, after_deploy: {run: ./b, on: once, within: 5s}}"
    ).hooks
    assert hooks.before_build == "make x"
    assert hooks.on_hosts == {"after_activate": Hook("./a"), "after_deploy": Hook("./b", once=True, within=5.0)}
    both = {"after_activate": {"run": "./a", "within": 600.0}, "after_deploy": {"run": "./b", "within": 5.0}}
    assert hooks.document(first=True) == both
    assert list(hooks.document(first=False)) == ["after_activate"]


def test_a_database_for_each_host(project):
    assert shop(project, "migrate: {expand: ./x, on: each}").migrate.each


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("services: [shop, 1]", "must be a list of names, not a whole number in it", None),
        ("services: 1", "must be a list of names, not a whole number", None),
        ("services: [shop, shop.service]", "names its service 'shop.service' twice", None),
        ("services: [{activate: none}]", "a service of app 'shop' has no 'service'", None),
        ("services: [{service: shop, activat: none}]", "unknown key 'activat'", "did you mean 'activate'?"),
        ("services: [{service: shop, activate: kill}]", "'kill' isn't how service 'shop'", "such as `signal HUP`"),
        ("services: [{service: shop, activate: signal 'HUP; x'}]", "isn't how service 'shop'", "signal"),
        ("services: [shop.socket]", "'shop.socket' of app 'shop' has no process", "activate: none"),
        (
            "services: [{service: q, activate: none, stop_before_migration: true}]",
            "wouldn't start it",
            "`activate` out",
        ),
        ("hooks: {before_activat: x}", "unknown key 'before_activat'", "did you mean 'before_activate'?"),
        ("hooks: {after_deploy: ' '}", "'after_deploy' in app 'shop' is empty", None),
        ("hooks: {after_deploy: {on: once}}", "hook 'after_deploy' of app 'shop' has no 'run'", None),
        ("hooks: {after_deploy: {run: x, on: all}}", "must be each or once, not 'all'", None),
        ("hooks: {after_deploy: {run: x, within: 0}}", "leaves its command no time", None),
        ("hooks: {before_build: {run: x}}", "'before_build' in app 'shop' must be text", None),
        ("migrate: {expand: x, on: all}", "must be once or each, not 'all'", None),
    ],
)
def test_what_cannot_be(project, text, message, hint):
    with pytest.raises(InvalidFile) as caught:
        shop(project, text)
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")
    assert caught.value.file == "cdconf.yml"
