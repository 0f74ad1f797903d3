"""Chores of one's own on cdconf's hosts: `fab --list`, `fab disk --environment staging`.

docs/guides/python.md explains it. A test runs these tasks on real hosts.
"""

from fabric import task

import cdconf.fabric


@task
def disk(context, environment, limit=None):
    """Show how full the hosts' root file systems are. It only looks, so it goes ahead during a deployment."""
    with cdconf.fabric.group(environment, limit, lease=False) as hosts:
        for connection, result in hosts.run("df --output=pcent / | tail -n 1", hide=True).items():
            print(f"{connection.host}: {result.stdout.strip()}")


@task
def collect(context, environment, file, limit=None):
    """Fetch a file from each host into a folder with the host's name."""
    with cdconf.fabric.group(environment, limit, lease=False) as hosts:
        hosts.get(file)


@task
def trim(context, environment, limit=None, size="100M"):
    """Trim the journals, one host after another, while no run of cdconf works on them."""
    with cdconf.fabric.group(environment, limit, parallel=False, reason="trim journals") as hosts:
        hosts.sudo(f"journalctl --vacuum-size={size}", hide=True)
        print("trimmed", ", ".join(connection.host for connection in hosts))
