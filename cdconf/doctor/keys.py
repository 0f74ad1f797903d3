"""The operator's own files: keys, whom to trust, the policy. Each is read the way that runs read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cdconf.doctor.check import Check, tried
from cdconf.errors import CdconfError

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project


def key_checks(project: Project, environments: Sequence[Environment]) -> Iterator[Check]:
    """A finding for each file that the project makes use of."""
    encrypted = [
        environment.name for environment in environments if (project.folder(environment.name) / "secrets.yml").exists()
    ]
    if encrypted:
        yield tried("age key", lambda: _identities(project, environments, encrypted))
    yield tried("key that signs builds", lambda: _signing(project))
    yield tried("trusted builders", lambda: _trusted(project))
    if project.pipeline.stages:
        yield tried("signers of stages", lambda: _signers(project, environments))
    yield tried("policy", lambda: _policy(project))


def _identities(project: Project, environments: Sequence[Environment], encrypted: Sequence[str]) -> str:
    """Whether the operator's key can read what is encrypted; raises what a run would meet."""
    from cdconf.secrets import SecretStore
    from cdconf.secrets.age import identities, identity_file

    count = len(identities())
    locked = []
    for environment in environments:
        if environment.name in encrypted:
            try:
                store = SecretStore(project, environment)
                for name in store.ciphertexts():
                    store.get(name)
                    break
            except CdconfError:
                locked.append(environment.name)
    if locked:
        hint = "somebody who can read them adds your key to recipients.txt, and runs `cdconf secret rekey ENV`"
        raise CdconfError(f"can't read the secrets of {', '.join(locked)}", hint=hint)
    return f"{identity_file()}, {count} key{'s' if count > 1 else ''}; reads the secrets of {', '.join(encrypted)}"


def _signing(project: Project) -> str:
    from cdconf.artifacts import keys

    key = keys.own(project)
    if key is None:
        return "none: builds aren't signed here; `cdconf key new` makes one"
    return f"{keys.private_file(project)} ({keys.public_of(key).id})"


def _trusted(project: Project) -> str:
    from cdconf.artifacts import trust

    found = trust.trust_of(project)
    if found.state == "undecided":
        return "nobody is named, so signatures of builds aren't checked; `cdconf key trust` names somebody"
    return f"{trust.trusted_file(project)}, {len(trust.trusted(project))} named"


def _signers(project: Project, environments: Sequence[Environment]) -> str:
    from cdconf.promotion.signers import signers_file, signers_of

    found = signers_of(project)
    path = signers_file(project)
    if not path.exists():
        where = [environment.name for environment in environments if environment.require]
        needed = f", and deployments to {', '.join(where)} need them" if where else ""
        return f"none{needed}: `cdconf key new --office stage:NAME`, then `cdconf key trust --office stage:NAME`"
    del found  # that it can be read is what was asked
    return str(path)


def _policy(project: Project) -> str:
    from cdconf.promotion.policy import policy_file, policy_of

    policy_of(project)
    path = policy_file(project)
    return str(path) if path.exists() else "none: only what hosts.yml requires holds"
