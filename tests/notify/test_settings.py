"""The operator's notify.yml: what's in it, who may read it, and that no part of a URL is ever told."""

import os

import pytest

from cdconf.notify.settings import NotifyError, Ping, read_settings
from tests.conftest import cdconf

TOKEN = "T0K3N8fe21c"
GOOD = f"""
targets:
  ops:
    url: slack://{TOKEN}/{TOKEN}
    events: [drift_found, stage_failed]
    environments: production
pings:
  - {{environment: production, url: "https://example.com/{TOKEN}"}}
  - {{environment: production, project: demo, url: "https://example.com/demo"}}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "home/.config/cdconf/notify.yml"
    path.parent.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CDCONF_NOTIFY", raising=False)

    def put(text, mode=0o600):
        path.write_text(text)
        path.chmod(mode)
        return path

    return put


def test_it_is_read(file):
    file(GOOD)
    settings = read_settings()
    ops = settings.targets["ops"]
    assert (ops.kind, ops.events, ops.environments) == ("slack", ("drift_found", "stage_failed"), ("production",))
    assert settings.ping_of("demo", "production").url == "https://example.com/demo"
    assert settings.ping_of("other", "production") == Ping("production", f"https://example.com/{TOKEN}")
    assert settings.ping_of("demo", "staging") is None
    assert TOKEN not in repr(settings)


def test_there_may_be_none(file):
    assert read_settings() is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_others_may_not_read_it(file, mode):
    path = file(GOOD, mode)
    with pytest.raises(NotifyError, match="others can read or write") as caught:
        read_settings()
    assert caught.value.hint == f"chmod 600 {path}, and own it"


def test_it_may_not_be_in_the_project(tmp_path, monkeypatch, file):
    monkeypatch.setenv("CDCONF_NOTIFY", str(file(GOOD)))
    with pytest.raises(NotifyError, match="inside the project"):
        read_settings(tmp_path)


def test_one_that_is_named_must_be_there(tmp_path, monkeypatch):
    monkeypatch.setenv("CDCONF_NOTIFY", str(tmp_path / "none.yml"))
    with pytest.raises(NotifyError, match="isn't there"):
        read_settings()


def test_a_pipe_is_not_waited_for(file):
    path = file("")
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(NotifyError, match="pipe or a device"):
        read_settings()


BROKEN = {
    "a URL as the targets": f"targets: slack://{TOKEN}/x",
    "a URL as a target": f"targets: {{ops: slack://{TOKEN}/x}}",
    "a URL as a key": f"slack://{TOKEN}/x: 1",
    "a URL as a target's name": f"targets: {{slack://{TOKEN}: {{url: 'json://x'}}}}",
    "no URL": f"targets: {{ops: {{url: slack:{TOKEN}}}}}",
    "a URL with a blank": f"targets: {{ops: {{url: 'slack://{TOKEN} x'}}}}",
    "a list of URLs": f"targets: {{ops: {{url: ['slack://{TOKEN}']}}}}",
    "half a line": f"targets: {{ops: {{url: slack://{TOKEN}",
    "a tab": f"targets:\n\tops: slack://{TOKEN}",
    "twice": f"targets:\n  ops: {{url: 'slack://{TOKEN}'}}\n  ops: {{url: 'slack://{TOKEN}'}}",
    "an event": f"targets: {{ops: {{url: 'slack://{TOKEN}', events: ['slack://{TOKEN}']}}}}",
    "a ping that's no map": f"pings: ['https://{TOKEN}']",
    "a ping by another way": f"pings: [{{environment: a, url: 'ftp://{TOKEN}'}}]",
    "a list": f"- slack://{TOKEN}",
    "an anchor": f"targets: &slack://{TOKEN} *slack://{TOKEN}",
    "a tag": f"targets: !slack://{TOKEN} x",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_an_error_tells_no_part_of_a_url(file, text):
    file(text)
    with pytest.raises(NotifyError) as caught:
        read_settings()
    told = f"{caught.value} {caught.value.hint} {caught.value.as_dict()} {caught.value.detail}"
    assert TOKEN not in told
    assert "notify.yml" in told


def test_a_file_that_is_broken_is_a_warning_of_a_run(file, project, tmp_path_factory, monkeypatch):
    outside = tmp_path_factory.mktemp("outside") / "notify.yml"
    file(f"targets: slack://{TOKEN}/x").rename(outside)
    monkeypatch.setenv("CDCONF_NOTIFY", str(outside))
    hosts = "hosts: {web1: {address: 127.0.0.1, ssh: {port: 1}, groups: [web]}}"
    (project / "inventories/dev/hosts.yml").write_text(hosts)
    result = cdconf(project, "run", "dev", "--json", "--", "true")
    assert result.stderr.count("warning: nobody was notified") == 1, result.stderr
    assert "'targets' in notify.yml must be a mapping" in result.stderr
    assert TOKEN not in result.stderr + result.stdout
