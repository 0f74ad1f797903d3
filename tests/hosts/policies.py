"""The operator's policy, for tests on hosts."""

import json


def frozen(folder, environment):
    """A policy that freezes an environment at all times; its file."""
    freeze = {"from": "2020-01-01", "to": "2099-01-01", "zone": "Europe/Berlin", "why": "nobody is here"}
    path = folder / "policy.yml"
    path.write_text(json.dumps({"version": 1, "environments": {environment: {"require": [{"freeze": freeze}]}}}))
    path.chmod(0o600)
    return path
