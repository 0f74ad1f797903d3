"""`prepare` of an app: what hosts install for its releases."""

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory import load_project
from tests.conftest import write

APP = """
project: shop
groups: {web: []}
apps:
  shop:
    groups: [web]
    path: /srv/shop
    prepare: %s
"""


def app(tmp_path, prepare):
    return load_project(write(tmp_path, {"cdconf.yml": APP % prepare})).apps["shop"]


def test_the_lock_file_alone_is_enough(tmp_path):
    found = app(tmp_path, "{venv: requirements.lock, npm: web/package-lock.json}")
    assert found.document()["packages"] == [
        {"kind": "venv", "path": ".venv", "lock": "requirements.lock", "within": 600.0, "python": "python3"},
        {"kind": "npm", "path": "web/node_modules", "lock": "web/package-lock.json", "within": 600.0, "scripts": True},
    ]


def test_everything_can_be_said(tmp_path):
    venv = "{lock: a.lock, path: env, python: /opt/python, wheels: ./wheels/, index: 'https://x.example/', within: 5m}"
    found = app(tmp_path, f"{{venv: {venv}, npm: {{lock: npm-shrinkwrap.json, registry: 'http://r', scripts: false}}}}")
    venv, npm = found.document()["packages"]
    assert venv == {
        "kind": "venv",
        "path": "env",
        "lock": "a.lock",
        "within": 300.0,
        "python": "/opt/python",
        "wheels": "wheels",
        "index": "https://x.example/",
    }
    assert (npm["registry"], npm["scripts"]) == ("http://r", False)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        ("{venv: {}}", "has no 'lock'"),
        ("{gem: Gemfile.lock}", "unknown key 'gem' in prepare of app 'shop'"),
        ("{venv: {lock: a, pip: b}}", "unknown key 'pip' in venv of prepare of app 'shop'"),
        ("{venv: ../requirements.lock}", "'../requirements.lock' isn't a path in a release"),
        ("{venv: {lock: a, path: /srv/x}}", "'/srv/x' isn't a path in a release"),
        ("{venv: {lock: a, path: .}}", "'.' isn't a path in a release"),
        ("{venv: {lock: a, python: bin/python}}", "must be a program's name or its absolute path"),
        ("{venv: {lock: a, index: 'https://me:secret@x'}}", "must be a URL without a password"),
        ("{venv: {lock: a, within: 0s}}", "leaves it no time"),
        ("{npm: yarn.lock}", "must be a package-lock.json"),
        ("{npm: {lock: package-lock.json, scripts: maybe}}", "scripts"),
        (
            "{venv: {lock: a, path: node_modules/x}, npm: package-lock.json}",
            "can't be 'node_modules' too, or lie in it",
        ),
        ("{venv: a}\n    shared: [.venv]", "'.venv' in prepare of app 'shop' can't be '.venv' too"),
        ("[venv]", "prepare"),
    ],
)
def test_what_breaks_a_rule_is_told_with_its_line(tmp_path, prepare, message):
    with pytest.raises(InvalidFile) as error:
        app(tmp_path, prepare)
    assert message in str(error.value)
    assert error.value.line == 7
