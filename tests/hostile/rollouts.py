"""Rollouts on real hosts, of which one lies from a step on: the others must go back, and nothing stays half done.

    python -m tests.hostile.rollouts [--lies PART] [--calls PART] [--seconds N]

The liar's agent does what it's told; its answers come from somebody else (see `between`). After each rollout, every
host must serve the release from before, by itself within `confirm_within` where the controller can't reach it any more,
and the next rollout, on hosts that all tell the truth, must end well. It prints what doesn't; its exit status is 1
then.
"""

import argparse
import collections
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import paramiko

from tests.conftest import cdconf, write
from tests.hostile.between import LIES, BetweenServer
from tests.hostile.hasty import VARIABLE
from tests.hosts.conftest import FILES
from tests.hosts.live import Live, container, eventually, provisioned

HOSTS = ("web1", "web2", "web3")
LIAR = "web2"
LONGEST = 150  # seconds
SETTLES = 60  # seconds in which a host that was cut off goes back by itself
CALLS = (
    *("app.activate", "app.check_health", "app.confirm", "app.holds", "run", "app.stage", "app.prepare"),
    *("open", "lease.take", "app.status", "app.preflight", "migrations.memory", "migrations.learn", "lease.give_back"),
    *("app.share", "app.roll_back", "app.pin"),
)
BACK = ("app.roll_back", "app.pin")  # asked on the way back alone: the release fails on the last host
FAILS = "        import socket, sys; socket.gethostname() == 'web3' and sys.exit(1)\n"
EXISTING = """
    ssh: {{user: root, identity_file: {root}/.cdconf/environments/dev/id_ed25519, known_hosts: {root}/known}}
    hosts:
    {hosts}
    """


def files():
    """The project: three hosts, and a switch that doesn't wait for long."""
    found = dict(FILES)
    found["cdconf.yml"] = FILES["cdconf.yml"].replace(
        "batches: [1, 100%]", "batches: [1, 100%]\n            confirm_within: 10s"
    )
    lines = "\n".join(f"          {name}: {{groups: [web]}}" for name in HOSTS)
    found["inventories/dev/hosts.yml"] = f"\n        provider: docker\n        hosts:\n{lines}\n    "
    return found


class World:
    """The hosts, one of them behind a server that may lie.

    Args:
        live: The project.
    """

    def __init__(self, live):
        self.live = live
        self.key = paramiko.RSAKey.generate(2048)
        self.prefix = ["docker", "exec", "-i", container(live.root, LIAR), "sh", "-c"]
        self.ports = {
            line.split()[0].partition("]:")[2]: line
            for line in (live.root / ".cdconf/environments/dev/known_hosts").read_text().splitlines()
        }
        self.server = None
        self.number = 0

    def meet(self, at, lie):
        """Puts a server in front of the liar."""
        if self.server is not None:
            self.server.close()
        self.server = BetweenServer(self.key, self.prefix, at, lie)
        lines = [*self.ports.values(), f"[127.0.0.1]:{self.server.port} {self.key.get_name()} {self.key.get_base64()}"]
        ports = self._ports() | {LIAR: self.server.port}
        hosts = [f"  {name}: {{address: {name}, groups: [web], ssh: {{address: 127.0.0.1, port: {ports[name]}}}}}"
                 for name in HOSTS]  # fmt: skip
        (self.live.root / "known").write_text("\n".join(lines) + "\n")
        text = EXISTING.format(root=self.live.root, hosts="\n    ".join(hosts))
        write(self.live.root, {"inventories/dev/hosts.yml": text})

    def _ports(self):
        found = {}
        for name in HOSTS:
            words = ["docker", "port", container(self.live.root, name), "22/tcp"]
            said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
            found[name] = int(said.split()[0].rpartition(":")[2])
        return found

    def close(self):
        """Gives the hosts back to their provider."""
        if self.server is not None:
            self.server.close()
        write(self.live.root, {"inventories/dev/hosts.yml": files()["inventories/dev/hosts.yml"]})

    def release(self, *, fails=False):
        """Commits something, which starts everywhere or everywhere but on web3, and builds it; returns the version."""
        self.number += 1
        program = FILES["serve.py"].replace("\n", f"\n{FAILS}", 1) if fails else FILES["serve.py"]
        return self.live.commit(**{"serve.py": program + f"        # {self.number}\n"})

    def served(self):
        """What each host serves."""
        return {name: self.live.on(name, "curl -sS http://127.0.0.1:8000/") for name in HOSTS}

    def deploy(self, **more):
        """Runs a deployment; returns its result and how long it took."""
        began = time.monotonic()
        done = cdconf(self.live.root, "deploy", "app", "--to", "dev", **more)
        return done, time.monotonic() - began


def look(world, at, lie):
    """One rollout; returns what's wrong, in words, its result and how long it took."""
    world.meet(None, lie)
    world.live.free()
    (before,) = set(world.served().values())
    version = world.release(fails=at in BACK)
    world.meet(at, lie)
    done, took = world.deploy(**{VARIABLE: "1"})
    both, found = done.stdout + done.stderr, []
    if at not in world.server.asked:
        return ["not asked"], done, took
    if "bug in cdconf" in both or "Traceback (most" in both:
        found.append("bug")
    if took > LONGEST:
        found.append("hangs")
    if at in BACK and done.returncode == 0:
        found.append("a release that fails is deployed")
    if LIAR not in both and done.returncode != 0:
        found.append("unnamed")
    # From the confirmation on there's no way back: hosts that didn't hear it hold the new release like the others
    ends = {version} if done.returncode == 0 else {before, version} if at == "app.confirm" else {before}
    if not eventually(lambda: (now := set(world.served().values())) <= ends and len(now) == 1, SETTLES):
        found.append(f"half done: {world.served()}, not {ends}")
    world.meet(None, lie)
    world.live.free()
    following = world.release()
    mended, _ = world.deploy()
    if mended.returncode != 0 or set(world.served().values()) != {following}:
        found.append(f"the next one fails: {mended.returncode} {world.served()} {mended.stderr[-700:]}")
    return found, done, took


def sweep(world, pairs, ends, counts):
    """One rollout for each call and lie, until the time is over; returns how many were wrong."""
    world.meet(None, "silence")
    world.release()
    first, _ = world.deploy()
    assert first.returncode == 0, first.stdout + first.stderr
    print(f"a rollout asks {LIAR}: {list(dict.fromkeys(world.server.asked))}", flush=True)
    wrong = 0
    for at, lie in pairs:
        if time.monotonic() > ends:
            break
        found, done, took = look(world, at, lie)
        counts[f"exit {done.returncode}"] += 1
        said = next((line for line in done.stderr.splitlines() if line.startswith("error")), "")
        end = f"{at} | {lie} | exit {done.returncode} | {took:.1f} s | {said[:160]}"
        print(f"{'; '.join(found) or 'ok'} | {end}", flush=True)
        if found and found != ["not asked"]:
            wrong += 1
            print("    " + "\n    ".join((done.stdout + done.stderr)[-1800:].splitlines()), flush=True)
    return wrong


def main():
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lies", default="")
    parser.add_argument("--calls", default="")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--shift", type=int, default=0)
    asked = parser.parse_args()
    pairs = [(at, lie) for at in CALLS for lie in LIES if asked.lies in lie and asked.calls in at]
    began, counts = time.monotonic(), collections.Counter()
    with (
        tempfile.TemporaryDirectory(prefix="hostile-rollouts-") as folder,
        provisioned(Path(folder) / "p", files(), Live) as live,
    ):
        world = World(live)
        try:
            wrong = sweep(world, pairs[asked.shift :: asked.every], began + asked.seconds, counts)
        finally:
            world.close()
    print(f"{sum(counts.values())} rollouts, {wrong} wrong: {dict(counts)}")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
