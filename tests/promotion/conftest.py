"""A project in git that has everything a procedure is made of; worlds of stages and their keys."""

import pytest

from tests.artifacts.conftest import home, s3, s3_server  # noqa: F401  fixtures
from tests.conftest import git, write
from tests.promotion.world import World

WEB = """
    variables:
      motd: {type: string, default: "{% include 'default.j2' %}"}
    resources:
      - file: /etc/web
        template: web.j2
        notify: restart proxy
      - file: /etc/shared
        template: shared.j2
      - file: /etc/own
        source: own.txt
      - directory: /etc/tree
        source: tree
      - file: /etc/text
        content: "{% include 'text.j2' %}{% include 'other//hidden.j2' %}"
"""
SPEC = """
from cdconf.resources.spec import ResourceType

TYPE = ResourceType(name="thing", doc="A thing.", fields={}, title="thing")
"""
FILES = {
    "cdconf.yml": """
        project: demo
        groups: {other: [other], lb: [proxy], web: [web]}
        apps:
          shop:
            groups: [web]
            path: /srv/shop
            keep: 5
            drain: {group: lb, command: drain, undrain: undrain}
          blog: {groups: [other], path: /srv/blog}
        pipeline:
          - {stage: commit, run: make test, inputs: [src], build: shop}
          - {stage: blog, run: make blog, inputs: [blog], build: blog}
          - {stage: manual, environment: staging}
        """,
    "roles/web/role.yml": WEB,
    "roles/web/templates/web.j2": "{% include 'part.j2' %}\n",
    "roles/web/templates/part.j2": "{% from 'macros/one.j2' import one %}{{ one() }}\n",
    "roles/web/files/own.txt": "own\n",
    "roles/web/smoke/test_web.py": "import shared_checks\n\n\ndef test_it(host):\n    pass\n",
    "roles/web/smoke/data.json": "{}\n",
    "roles/proxy/role.yml": "resources: []\n",
    "roles/proxy/smoke/test_proxy.py": "def test_it(host):\n    pass\n",
    "roles/other/role.yml": "handlers:\n  restart proxy: {service: proxy, action: restart}\n",
    "roles/other/templates/hidden.j2": "hidden\n",
    "roles/third/role.yml": "resources:\n  - thing: one\n",
    "roles/third/templates/third.j2": "third\n",
    "roles/third/files/third.txt": "third\n",
    "roles/third/smoke/test_third.py": "def test_it(host):\n    pass\n",
    "roles/conftest.py": "# for all roles\n",
    "templates/shared.j2": "{% extends 'frame.j2' %}\n",
    "templates/frame.j2": "frame\n",
    "templates/macros/one.j2": "{% macro one() %}1{% endmacro %}\n",
    "templates/default.j2": "default\n",
    "templates/text.j2": "text\n",
    "templates/by_variable.j2": "by a variable\n",
    "templates/nobody.j2": "nobody includes it\n",
    "files/tree/a/b.txt": "b\n",
    "files/own.txt": "the role has its own\n",
    "files/nobody.txt": "nobody reads it\n",
    "resources/thing/spec.py": SPEC,
    "resources/thing/agent.py": "def observe(fields):\n    return {}\n\n\ndef apply(fields, difference):\n    pass\n",
    "shared_checks.py": "from checks.deep import check\n",
    "checks/__init__.py": "",
    "checks/deep.py": "def check():\n    pass\n",
    "beside.py": "may_be_imported = 0\n",
    "lib/unrelated.py": "nothing = 0\n",
    ".gitattributes": "*.yml text eol=lf\n",
    "roles/web/.gitattributes": "*.j2 text eol=lf\n",
    "docs/.gitattributes": "*.md text\n",
    "src/shop.py": "print('shop')\n",
    "blog/blog.py": "print('blog')\n",
    "docs/guide.md": "# Guide\n",
    "inventories/staging/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
    "inventories/staging/group_vars/web.yml": "color: blue\nbanner: \"{% include 'by_variable.j2' %}\"\n",
}


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write(root, FILES)
    commit(root, "first")
    return root


def commit(root, message):
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)


@pytest.fixture(autouse=True)
def nobodys(home, monkeypatch):  # noqa: F811
    for name in ("CDCONF_SIGNERS", "CDCONF_SIGNING_KEY_DIR", "CDCONF_POLICY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def world(tmp_path, tmp_path_factory, monkeypatch):
    return _world(tmp_path, tmp_path_factory.mktemp("files"), None, monkeypatch)


@pytest.fixture(params=["directory", "s3"])
def any_world(tmp_path, tmp_path_factory, monkeypatch, request):
    store = request.getfixturevalue("s3") if request.param == "s3" else tmp_path_factory.mktemp("store")
    return _world(tmp_path, tmp_path_factory.mktemp("files"), store, monkeypatch)


def _world(root, folder, store, monkeypatch):
    made = World(root, folder, store)
    for where in ("gates", "stage_run"):
        monkeypatch.setattr(f"cdconf.promotion.{where}.procedure", made.made)
    return made
