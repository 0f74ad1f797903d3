"""No output of any verb shows a secret that a host prints."""

import json

import pytest

pytestmark = pytest.mark.hosts

ROLE = "roles/app/role.yml"
SMOKE = "roles/app/smoke/test_leak.py"
LEAKING_TEST = "def test_leak(host):\n    assert host.file('/etc/app.secret').content_string + 'x' * 300 == ''\n"


@pytest.fixture
def secret(live):
    """A generated secret that lies in /etc/app.secret on all hosts; its value."""
    files = {name: (live.root / name).read_text() for name in (ROLE, "cdconf.yml")}
    resource = "resources:\n  - file: /etc/app.secret\n    content: '{{ app_password }}'\n    mode: '0600'\n"
    role = files[ROLE].replace("resources:\n", resource, 1)
    (live.root / ROLE).write_text(role + "variables:\n  app_password: {secret: {generate: 24}}\n")
    live("provision", "dev")
    try:
        yield json.loads((live.root / ".cdconf/environments/dev/secrets.json").read_text())["app_password"]
    finally:
        for name, text in files.items():
            (live.root / name).write_text(text)
        (live.root / SMOKE).unlink(missing_ok=True)
        live.free()
        live("provision", "dev", "--prune")  # others share these hosts


def test_no_verb_shows_a_secret_that_a_host_prints(live, secret):
    assert live.on("web1", "cat /etc/app.secret") == secret  # ssh is the operator's own terminal
    result = live("run", "dev", "--", "cat", "/etc/app.secret")
    assert "***" in result.stdout
    shown = [result.stdout, live("run", "dev", "--json", "--", "base64 /etc/app.secret").stdout]

    (live.root / SMOKE).write_text(LEAKING_TEST)
    result = live("smoke", "dev", "--junit", "smoke.xml", code=1)
    report = (live.root / "smoke.xml").read_text()
    assert "***xxx" in report
    shown += [result.stdout, result.stderr, report]

    (live.root / SMOKE).unlink()
    config = (live.root / "cdconf.yml").read_text()
    good = "echo $(cat VERSION) >> /srv/app/expanded"
    assert good in config
    live.commit(**{"cdconf.yml": config.replace(good, "cat /etc/app.secret; exit 1")})
    result = live("deploy", "app", "--to", "dev", code=1)
    assert "expand migration failed" in result.stderr
    assert "***" in result.stderr
    shown += [result.stdout, result.stderr, live("history").stdout]
    shown += [(live.root / ".cdconf/history.jsonl").read_text()]
    shown += [live.on("web1", "cat /var/lib/cdconf/e2e/ledger.json")]
    assert "expand migration failed" in shown[-1]
    for form in (secret, secret[:12], secret[-12:]):
        assert not [text for text in shown if form in text]
