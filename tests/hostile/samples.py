"""What a well-behaved agent answers to each call, for mutations to begin with."""

RUN = {"run": "r1", "owner": "ann@laptop", "reason": "deploy shop"}
LEASE = {**RUN, "age_s": 1.5, "expires_in_s": 58.0, "fence": 7, "inner": [RUN]}
PAGE = {
    "current": "1-abc",
    "verified": ["0-abc", "1-abc"],
    "activating": {"to": "2-abc", "run": "r1", "at": 1.0, "back": False},
    "releases": {"1-abc": {"version": "1", "archive": "a" * 64, "tree": "b" * 64, "staged_at": 1.0, "shared": []}},
    "pinned": {"c" * 64: {"reason": "red", "version": "3", "at": 2.0}},
    "confirmed": {"release": "1-abc", "run": "r1", "at": 3.0, "back": False},
    "reverted": {"release": "2-abc", "to": "1-abc", "run": "r1", "at": 4.0, "problem": None},
}
MIGRATION = {
    "phase": "expand",
    "tree": "b" * 64,
    "number": 1,
    "state": "done",
    "order": 1,
    "release": "1-abc",
    "version": "1",
    "command": "./migrate",
    "host": "web1",
    "run": "r1",
    "began": 1.0,
    "ended": 2.0,
    "status": 0,
    "forgotten": [],
}
STATUS = {
    **PAGE,
    "linked": "1-abc",
    "services": {"shop": "active"},
    "units": {"shop": {"activate": "restart", "works_in": ["1-abc"]}},
    "problem": None,
    "begun": {"release": "1-abc", "run": "r1"},
    "recent": {"r1": {"owner": "ann", "reason": "deploy", "events": ["staged"]}},
    "deployed": {"owner": "ann pid 7", "at": 1.0, "run": "r1", "procedure": "d" * 64},
    "provision_failed": {"at": 1.0, "owner": "ann", "run": "r1"},
    "reverts_in_s": 12,
    "migrations": [MIGRATION],
}
EVENT = {"at": 1.0, "event": "verified", **RUN, "release": "1-abc", "version": "1", "archive": "a" * 64}
COUNTS = {"ok": 3, "changed": 1}
DONE = {"type": "file", "title": "/etc/x", "status": "changed", "source": "roles/x/role.yml:3", "duration_s": 0.1}
DONE |= {"diff": "-a\n+b\n", "message": "why", "by_hand": True}
LOOK = {"values": {"new": True}, "problem": None, "last": None, "since": {"new": {"at": 1.0, "owner": "ann"}}}
LOOK |= {"trial": {"run": "r1", "owner": "ann", "at": 1.0}, "unproven": ["new"], "reload_due": False}

HOOK = {"hook": "after_rollback", "problem": "failed with exit status 7", "output": "no\n", "began": True}
SHOWN = {"since": 1.0, "until": 3600.0, "owner": "ann", "reason": "moving", "problem": None}
APP = {"name": "shop", "path": "/srv/shop", "services": ["shop"]}
CATALOG = {"resources": [{"type": "file", "title": "/etc/x", "fields": {}}], "handlers": {}}

X = {"$b64": "eA=="}

# Call -> (arguments, events, result)
CALLS = {
    "lease.take": ({"run": "r1"}, [], {"fence": 8, "before": 7}),
    "lease.force": ({}, [], LEASE),
    "projects": ({}, [], {"shop": {"environment": "dev", "host": "web1"}, "other": None}),
    "converge": ({"catalog": CATALOG, "check": False}, [DONE, DONE], {"counts": COUNTS, "failed": False}),
    "plan": (
        {"catalog": CATALOG},
        [{**DONE, "marks": ["a", "b"]}],
        {"counts": COUNTS, "failed": False, "marks": {"host": "a", "catalog": "b"}},
    ),
    "history": ({}, [], {"apps": {"shop": {**PAGE, "events": [EVENT]}}, "provisions": []}),
    "portray": (
        {"catalog": CATALOG},
        [],
        {"states": {"file:/etc/x": {"mode": "0644"}, "y": None, "z": "why"}, "orphans": {"file /x": None}},
    ),
    "run": (
        {"command": "true"},
        [{"out": {"$b64": "eA=="}}],
        {"status": 0, "stdout": {"$b64": ""}, "stderr": {"$b64": ""}},
    ),
    "stream": (
        {"command": "true", "timeout": 5},
        [{"out": {"$b64": "eA=="}}, {"err": {"$b64": "eQ=="}}],
        {"status": 0},
    ),
    "boot_id": ({}, [], "abc/1"),
    "app.status": ({"app": APP}, [], STATUS),
    "app.preflight": ({"app": APP}, [], {"whole": False, "held": [["1-abc", "b" * 64]]}),
    "app.changes": ({"app": APP}, [], {"count": 1, "files": [["changed", "bin/x"]]}),
    "app.prepare": ({"app": APP}, [], {"lacking": [[0, 3], [5, 1]]}),
    "app.activate": ({"app": APP}, [], {"hooks": [HOOK]}),
    "app.hook": ({"app": APP}, [], {"hooks": [HOOK]}),
    "app.install": ({"app": APP}, [], {"packages": [{"path": ".venv", "made": True, "seconds": 1.5}]}),
    "app.roll_back": ({"app": APP}, [], {"release": "1-abc", "hooks": [HOOK]}),
    "maintenance.off": ({"app": "shop"}, [], {"was_on": True}),
    "maintenance.status": ({"app": "shop"}, [], {"on": SHOWN}),
    "app.check_health": (
        {"check": {}, "within": 5.0},
        [{"attempt": 1, "left_s": 4.0, "problem": "503"}],
        {"waited_s": 1.0, "attempts": 2},
    ),
    "drain.status": (
        {"app": "shop"},
        [],
        {
            "hosts": {"web1": {"address": "10.0.0.1", "at": 1.0, "kept": {"at": 1.0, "reason": "red"}}},
            "run": "r1",
            "expires_in_s": 5,
            "problem": None,
            "applied": True,
        },
    ),
    "drain.end": ({"drain": {"timeout": 5}}, [], {"ended": ["web1"], "failed": {}, "kept": {"web2": "red"}}),
    "migrations.run": ({"app": APP, "within": 5}, [], {"entry": MIGRATION, "output": "x", "problem": None}),
    "toggles.look": ({"app": APP}, [], LOOK),
}
ERROR = {"kind": "failed", "message": "it didn't", "command": "x", "status": 1, "output": "y", "details": {"hint": "z"}}
OPENED = {"facts": {}, "identity": {"environment": "dev", "host": "web1"}, "lease": LEASE, "left": None, "time": 1.0}
