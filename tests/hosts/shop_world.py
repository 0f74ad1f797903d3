"""The example shop on hosts of its own, behind its load balancer, and people who order there all the time."""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

from tests.chaos.crowd import Crowd
from tests.conftest import begun, cdconf, git, write
from tests.host_image import furnished
from tests.hosts.leases import until_free
from tests.hosts.live import container, on, settled
from tests.whole import rounds

REPOSITORY = Path(__file__).resolve().parents[2]
SHOP = "examples/shop"
RENAME = ("expand/002_product.sql", "expand/003_fill_product.sql", "contract/001_drop_article.sql")
HOSTS = """
    provider: docker
    hosts:
      db1: {groups: [db, lb], publish: [80]}
      web1: {groups: [web]}
      web2: {groups: [web]}
"""
PAUSE = rounds(0.1, 0.02)  # seconds between what a person does
RAN = "/var/tmp/expanded"  # what was expanded on a host, a version a line


class ShopWorld:
    """A copy of this repository's project with one environment, `dev`."""

    def __init__(self, root):
        self.root = root
        for name in ("roles", "templates", SHOP):
            shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("build", "dist", "__py*"))
        config = (REPOSITORY / "cdconf.yml").read_text().partition("pipeline:")[0]
        config = config.replace("project: shop", "project: databases\nlease: {ttl: 8s}")
        self.config = config.replace("expand: ./", f"expand: cat VERSION >> {RAN} && ./") + "    confirm_within: 12s\n"
        own = {"cdconf.yml": self.config, "inventories/dev/hosts.yml": HOSTS, ".gitignore": ".cdconf/\nbuild/\ndist/\n"}
        write(
            root, furnished(own | {"inventories/dev/group_vars/all.yml": "server_name: localhost\nshop_banner: dev\n"})
        )
        git(root, "init", "-q")

    def __call__(self, *arguments, code=0):
        """Runs cdconf; its exit code must be `code`."""
        result = cdconf(self.root, *arguments)
        assert result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def document(self, *arguments, code=0):
        return json.loads(self(*arguments, "--json", code=code).stdout)

    def on(self, host, command):
        """What a command prints on a host, past SSH."""
        return on(self.container(host), command)

    def query(self, sql):
        """What the database answers, a row a line."""
        return self.on("db1", f'runuser -u postgres -- psql -At shop -c "{sql}"').splitlines()

    def columns(self):
        where = "table_name = 'orders' ORDER BY column_name"
        return self.query(f"SELECT column_name FROM information_schema.columns WHERE {where}")

    def build(self, **files):
        """Writes files of the shop, commits, builds; returns the version."""
        write(self.root / SHOP, files)
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "change", "--allow-empty")
        self("build", "shop")
        return git(self.root, "describe", "--always", "--tags", "--abbrev=10")

    def release(self):
        """The version that both hosts run, and whose contract never ran: the one that's there, or else a new one."""
        version = settled(self, "shop")
        contract = self.migrations()["contract"] if version else None
        if version is None or (contract is not None and contract["version"] == version):
            version = self.build(note=str(time.time_ns()))
            self("deploy", "shop", "--to", "dev")
        return version

    def old_release(self):
        """A build of the shop before its column was renamed: the same code, without the migrations."""
        file = self.root / SHOP / "shop/orders.py"
        new = {path: (self.root / SHOP / "migrations" / path).read_text() for path in RENAME}
        code = file.read_text()
        assert code.count("product") >= 4
        file.write_text(code.replace("product", "article"))
        for path in RENAME:
            (self.root / SHOP / "migrations" / path).unlink()
        (self.root / SHOP / "migrations/contract").mkdir(exist_ok=True)
        try:
            return self.build()
        finally:
            file.write_text(code)
            write(self.root / SHOP / "migrations", new)

    def migrating(self, expand=None):
        """Sets the expand command in cdconf.yml; None: as it was."""
        text = self.config
        if expand is not None:
            text = text.replace("./migrate expand", expand)
        (self.root / "cdconf.yml").write_text(text)

    def expanded(self):
        """The versions that were expanded on any host, sorted, once for each run."""
        return sorted(
            version for host in ("web1", "web2") for version in self.on(host, f"cat {RAN} 2>/dev/null || true").split()
        )

    def running(self):
        """Host -> the version that it serves, once it does: a rollback doesn't wait for that."""
        ask = "curl -fsS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8000/version"
        return {host: json.loads(self.on(host, ask))["version"] for host in ("web1", "web2")}

    def migrations(self):
        return self.document("status", "dev")["migrations"]["shop"]

    def begun(self, until):
        """Starts a deployment; returns it when it says `until`."""
        process = begun(self.root, "deploy", "shop", "--to", "dev", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in process.stderr:
            if until in line:
                return process
        raise AssertionError(f"it never said '{until}'")

    def free(self):
        """Waits until no lease is held."""
        until_free(self)

    def container(self, host):
        return container(self.root, host)

    def url(self):
        published = self.document("environments")["environments"]["dev"]["published"]
        return f"http://{published['db1']['80']}"


class Traffic(Crowd):
    """People who order something, look at the orders, and come again, until it's left.

    Attributes:
        orders: What was ordered, as far as the shop said that it has it.
        failures: What went wrong, each with its time.
    """

    def __init__(self, url, people=3, pause=PAUSE):
        self._url = url
        self._pause = pause
        super().__init__(*((self._shop, number) for number in range(people)))
        self.orders = []
        self.failures = []

    def _shop(self, person):
        number = 0
        while not self.ended.wait(self._pause):
            number += 1
            article = f"tea {person}.{number}"
            try:
                self._order(article)
            except (OSError, AssertionError, ValueError) as error:
                with self.lock:
                    self.failures.append(f"{time.strftime('%X')} {type(error).__name__}: {error}")
            else:
                with self.lock:
                    self.orders.append(article)

    def _order(self, article):
        body = urllib.parse.urlencode({"article": article}).encode()
        with urllib.request.urlopen(f"{self._url}/orders", body, timeout=10) as answer:
            assert answer.status == 201
        with urllib.request.urlopen(f"{self._url}/orders", timeout=10) as answer:
            assert all(one["article"] for one in json.load(answer)), "an order without its article"
