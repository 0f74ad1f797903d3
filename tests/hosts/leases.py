"""Waits for leases that dead runs have left."""

import json
import re
import time

WITHIN = 40.0  # seconds
LOOK = 0.3


def until_free(live):
    """Waits until no lease is held in the environment `dev`.

    cdconf has the first and the last word. In between the hosts' files are looked at: sessions to all hosts twice a
    second would keep a processor busy.

    Args:
        live: A project whose hosts run, with `root`, `document` and `on`.
    """
    project = re.search(r"^project: *(\S+)", (live.root / "cdconf.yml").read_text(), re.MULTILINE)[1]
    look = f"cat /var/lib/cdconf/{project}/lease.json; echo; cut -d ' ' -f 1 /proc/uptime"
    deadline = time.monotonic() + WITHIN
    while True:
        leases = live.document("lock", "status", "dev")["leases"]
        left = [host for host, lease in leases.items() if lease]
        if not left:
            return
        while left:
            assert time.monotonic() < deadline, f"a lease never ran out: {leases}"
            time.sleep(LOOK)
            seen = {host: live.on(host, look).rpartition("\n") for host in left}
            left = [host for host, (lease, _, uptime) in seen.items() if is_held(lease, float(uptime or 0))]


def is_held(lease, uptime):
    """Whether the text of a lease.json is of a lease that is held, by the kernel's clock."""
    if not lease.strip():
        return False
    try:
        entry = json.loads(lease)
        return entry["run"] is not None and entry["expires"] > uptime
    except (ValueError, KeyError):
        return True
