"""Whose a host is, by all projects that have been here."""

import json

from cdconf.agent.lease.projects import identities


def test_each_project_s_identity_is_told(tmp_path):
    for name, identity in (("shop", {"environment": "production", "host": "web1"}), ("fresh", None)):
        (tmp_path / name).mkdir(mode=0o700)
        if identity:
            (tmp_path / name / "identity.json").write_text(json.dumps(identity))
    (tmp_path / "damaged").mkdir(mode=0o700)
    (tmp_path / "damaged" / "identity.json").write_text("{")
    (tmp_path / "a file").write_text("x")
    assert identities(str(tmp_path)) == {"damaged": None, "shop": {"environment": "production", "host": "web1"}}


def test_a_host_without_projects(tmp_path):
    assert identities(str(tmp_path / "none")) == {}
