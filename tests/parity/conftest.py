"""Two environments on disk, and portraits of their hosts made without asking any."""

from dataclasses import replace

import pytest

from cdconf.catalog import Compiler
from cdconf.inventory import load_environment, load_project, load_toggles
from cdconf.parity import Entries, compare, desired
from cdconf.parity.model import Sight
from cdconf.secrets.offline import OfflineSecrets
from tests.conftest import write

KEY = "ab" * 32
FACTS = {"os": {"id": "debian", "version": "12"}, "architecture": "x86_64", "memory_mb": 2048, "machine_id": "1"}


class World:
    """A project; `differs` are texts of entries in staging's hosts.yml."""

    def __init__(self, root):
        self.root = root
        self.differs = []
        self.scale = ""
        self.facts = {}  # (environment, host) -> facts
        self.sights = {}  # (environment, host) -> Sight

    def write(self, files):
        write(self.root, files)

    def staging(self):
        entries = "".join(f"  - {entry}\n" for entry in self.differs)
        text = f"copy_of: production\nprovider: docker\n{self.scale}" + (f"differs:\n{entries}" if entries else "")
        (self.root / "inventories/staging/hosts.yml").write_text(text)

    def portraits(self, name):
        project = load_project(self.root)
        environment = load_environment(project, name)
        compiler = Compiler(project, environment, secrets=OfflineSecrets(project, environment))
        made = []
        for host in environment.hosts.values():
            facts = self.facts.get((name, host.name), FACTS)
            portrait, _ = desired(compiler, host, facts, KEY, load_toggles(project, name))
            flat = {"os.id": facts["os"]["id"], "os.version": facts["os"]["version"]}
            flat |= {key: value for key, value in facts.items() if key != "os"}
            made.append(replace(portrait, facts=flat, sight=self.sights.get((name, host.name))))
        return made

    def compare(self, ours="staging", theirs="production"):
        self.staging()
        project = load_project(self.root)
        pair = [load_environment(project, name) for name in (ours, theirs)]
        entries = Entries.between(*pair, lambda name: load_environment(project, name))
        return compare(project, (ours, theirs), self.portraits(ours), self.portraits(theirs), entries)

    def see(self, **states):
        """What all hosts of an environment show, `staging={…}`; resources that aren't named are as wanted."""
        for name, changed in states.items():
            for portrait in self.portraits(name):
                known = {key: one.fields for key, one in portrait.wanted.items()}
                fields = dict(changed)
                sight = fields.pop("sight", {})
                self.sights[name, portrait.host] = Sight({**known, **fields}, **sight)


@pytest.fixture
def world(tmp_path):
    write(
        tmp_path,
        {
            "cdconf.yml": """
                project: demo
                groups:
                  db: [base, db]
                  web: [base, web]
                apps:
                  shop:
                    groups: [web]
                    path: /srv/shop
                    services: [shop]
                    toggles:
                      fair: {default: off, doc: the fair's prices}
                      quick: {default: on, doc: an order in one step}
            """,
            "inventories/production/hosts.yml": """
                hosts:
                  db1: {address: 192.0.2.20, groups: [db], os: debian-12}
                  web1: {address: 192.0.2.11, groups: [web], os: debian-12}
                  web2: {address: 192.0.2.12, groups: [web], os: debian-12}
                  web3: {address: 192.0.2.13, groups: [web], os: debian-12}
            """,
            "inventories/production/group_vars/all.yml": """
                server_name: shop.example.com
                threads: 8
            """,
            "inventories/staging/hosts.yml": "copy_of: production\nprovider: docker\n",
            "roles/base/role.yml": """
                variables:
                  motd: {type: string, default: welcome, doc: greeting}
                resources:
                  - package: [curl]
                  - file: /etc/motd
                    content: "{{ motd }}\\n"
            """,
            "roles/db/role.yml": """
                resources:
                  - sysctl: vm.swappiness
                    value: "10"
            """,
            "roles/web/role.yml": """
                variables:
                  server_name: {type: string, doc: the name that it answers to}
                  threads: {type: integer, default: 2, doc: threads}
                  url: {type: string, default: "https://{{ server_name }}/", doc: where it is}
                  password: {secret: {generate: 20}}
                resources:
                  - file: /etc/shop/url
                    content: "{{ url }}\\n"
                  - file: /etc/shop/threads
                    content: "{{ threads }}\\n"
                  - file: /etc/shop/db
                    content: "{{ hosts.db[0].address }} {{ password }}\\n"
                    mode: "0600"
                  - service: nginx
                    enabled: true
            """,
        },
    )
    return World(tmp_path)


def told(found, status="unexplained"):
    """`(kind, name, field)` of the differences with a status."""
    return {(one.kind, one.name, one.field) for one in found.having(status)}
