"""110 mistakes in a project's files: each is told with file and line, and with what was meant where that's known."""

from pathlib import Path

import pytest
import yaml

from cdconf.errors import CdconfError
from cdconf.inventory import load_project
from cdconf.lint.project import lint

ROLE = "roles/web/role.yml"
PROJECT = {
    "cdconf.yml": """\
project: shop
groups:
  db: [db]
  web: [web]
apps:
  shop:
    groups: [web]
    build: ./build
    artifact: dist/shop-*.tar.gz
    path: /srv/shop
    user: shop
    services: [shop]
    health: {http: "http://127.0.0.1:8000/health", within: 30s}
    batches: [1, 100%]
    keep: 5
""",
    "inventories/prod/hosts.yml": """\
hosts:
  web1: {address: 192.0.2.11, groups: [web]}
  db1: {address: 192.0.2.20, groups: [db]}
""",
    "inventories/stage/hosts.yml": "copy_of: prod\nprovider: docker\n",
    "inventories/prod/group_vars/all.yml": "site_name: shop.example\n",
    ROLE: """\
variables:
  site_name: {type: string, doc: its name}
  site_port: {type: integer, default: 80, doc: its port}
resources:
  - package: nginx
  - file: /etc/nginx/site.conf
    template: site.j2
    notify: reload nginx
  - service: nginx
    enabled: true
handlers:
  reload nginx: {service: nginx, action: reload}
""",
    "roles/web/templates/site.j2": "server_name {{ site_name }};\nlisten {{ site_port }};\n",
    "roles/db/role.yml": "resources:\n  - package: postgresql\n",
}
MISTAKES = yaml.safe_load((Path(__file__).parent / "mistakes.yml").read_text())


def made(mistake):
    """The project's files with the mistake in them."""
    files = {**PROJECT, **mistake.get("files", {})}
    for name in mistake.get("without", ()):
        del files[name]
    if "old" in mistake:
        before = files[mistake["in"]]
        assert before.count(mistake["old"]) >= 1, "there's no such text"
        files[mistake["in"]] = before.replace(mistake["old"], mistake["new"], 1)
    elif "in" in mistake:
        files[mistake["in"]] += mistake["behind"]
    if "resources" in mistake:
        head, _, rest = PROJECT[ROLE].partition("resources:\n")
        own = "".join(f"  {line}\n" for line in mistake["resources"].splitlines())
        files[ROLE] = f"{head}resources:\n{own}{rest[rest.index('handlers:') :]}"
        files["roles/web/templates/site.j2"] = "x {{ site_name }} {{ site_port }}\n"
    return files


def errors(root, files):
    """What lint says of these files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    try:
        return list(lint(load_project(root)))
    except CdconfError as error:
        return [error]


def test_the_project_has_no_mistake(tmp_path):
    assert errors(tmp_path, PROJECT) == []


def test_there_are_enough_of_them_and_each_is_another():
    assert len(MISTAKES) >= 110
    assert len({one["mistake"] for one in MISTAKES}) == len(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=[one["mistake"] for one in MISTAKES])
def test_it_is_told_where_it_is_and_what_was_meant(tmp_path, mistake):
    found = errors(tmp_path, made(mistake))
    assert found, "nothing is said"
    said = str(found[0])
    assert said.startswith(mistake["error"])
    assert found[0].file in said
    assert f":{found[0].line}: " in said
    if "hint" in mistake:
        assert (found[0].hint or "").startswith(mistake["hint"])
