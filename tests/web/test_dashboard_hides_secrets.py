"""No page shows a secret: the dashboard has no key to read one with, and what it reads was masked before."""

import base64

import pytest

from cdconf.secrets.mask import Mask
from tests.web.dashboard import make, ran, served
from tests.web.test_screens import PATHS

SECRET = "canary-4f1d'&<\"secret"  # markup and quotes are written otherwise in pages and in JSON
FORMS = ("canary-4f1d", base64.b64encode(SECRET.encode()).decode()[:12], SECRET.encode().hex()[:20])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = make(tmp_path_factory.mktemp("secret") / "shop")
    mask = Mask()
    mask.add(SECRET)
    said = {"at": 1.0, "event": "smoke", "host": "web1", "test": "t", "passed": False}
    ran(root, 1, [said | {"message": mask(f"said {SECRET}")}], exit_code=1, error=mask(f"failed with {SECRET}"))
    for name in ("staging", "production"):
        folder = root / "inventories" / name
        (folder / "group_vars").mkdir()
        (folder / "group_vars" / "all.yml").write_text(f"password: {FORMS[0]}\n")
        (folder / "secrets.yml").write_text(f"password: {FORMS[0]}\n")
    (root / ".cdconf" / "key").write_text(SECRET)
    return root


def test_no_page_shows_a_secret(root, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", SECRET)
    with served(root) as server:
        server.enter()
        run = server.ask("/runs.json").json()["tables"]["runs"]["rows"][0]["id"]
        paths = (*PATHS, f"/runs/{run}", "/hosts/production/web1", "/review/shop@1.1/production", "/nowhere")
        for path in (*paths, *(f"{one}.json" for one in paths), "/runs?q=said", "/stream"):
            answer = server.ask(path)
            text = answer.text + str(answer.headers)
            assert not any(form in text for form in FORMS), path
        assert server.cookie.partition("=")[2] not in "".join(server.ask(path).text for path in paths)
        assert "failed with" in server.ask(f"/runs/{run}").text  # it's the secret that's missing, not the run
