"""`cdconf policy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.inventory.requirement import RequirementEntry
    from cdconf.promotion.policy_model import Policy


@click.group()
def command() -> None:
    """Show an environment's rules: what its hosts.yml requires, and what the operator's policy adds.

    The policy is a file outside the repository, so that no commit can weaken it: ~/.config/cdconf/policy/PROJECT.yml,
    or the file that $CDCONF_POLICY names. `cdconf lint --policy FILE` checks it.

    Example: cdconf policy show --to production
    """


@command.command()
@environment_option("--to", "--env", text="Only this environment.")
@project_options
@output_options
def show(environment: str | None, **flags: Any) -> None:
    """Print each rule that is in force, and the file and line that sets it. Contacts no host.

    Exit code 3: the policy is for another project, so every deployment is refused.

    Example: cdconf policy show --to production
    """
    from cdconf.errors import UsageError, did_you_mean
    from cdconf.events import Notice
    from cdconf.promotion.pins import check_pins
    from cdconf.promotion.policy import policy_file, policy_of

    with run_of("policy show", None, flags) as run:
        policy = policy_of(run.project)
        names = list(dict.fromkeys([*run.project.filed(), *policy.environments]))
        if environment is not None and environment not in names:
            raise UsageError(f"there is no environment '{environment}'", hint=did_you_mean(environment, names))
        found = {name: _in_force(run, policy, name) for name in ([environment] if environment else names)}
        run.extra["policy"] = _document(policy)
        run.extra["environments"] = {
            name: [{"requirement": entry.key, "text": entry.text, "source": entry.source} for entry in entries]
            for name, entries in found.items()
        }
        if not policy.file:
            run.emit(Notice(f"there's no policy for '{run.project.name}': {policy_file(run.project)}"))
        if not run.flags.as_json:
            _print(policy, found)
        check_pins(run.project, policy)


def _in_force(run: Run, policy: Policy, name: str) -> list[RequirementEntry]:
    """What holds for an environment; of one that only the policy names, what that says."""
    from cdconf.inventory import load_environment
    from cdconf.promotion.requirements import requirements_of

    if name not in run.project.filed():
        return list(policy.environments[name].entries)
    return list(requirements_of(run.project, load_environment(run.project, name)).entries)


def _document(policy: Policy) -> dict[str, Any] | None:
    if not policy.file:
        return None
    return {
        "file": policy.file,
        "project": policy.project.value if policy.project else None,
        "store": policy.store.value if policy.store else None,
        "environments": list(policy.environments),
        "stages": {name: {"text": str(pin), "source": pin.source} for name, pin in policy.stages.items()},
        "people": {
            person.name: {"keys": sorted(person.keys), "git": sorted(person.addresses), "groups": sorted(person.groups)}
            for person in policy.people.persons.values()
        },
    }


def _print(policy: Policy, found: dict[str, list[RequirementEntry]]) -> None:
    from cdconf.cli.show.tables import show as show_table

    pins = [("project", policy.project), ("store", policy.store)]
    rows = [["", key, pin.value, pin.source] for key, pin in pins if pin is not None]
    rows += [["", f"stage {name}", str(stage_pin), stage_pin.source] for name, stage_pin in policy.stages.items()]
    rows += [[name, entry.key, entry.text, entry.source] for name, entries in found.items() for entry in entries]
    show_table(["environment", "requirement", "what", "from"], rows)
    asked = [name for name, entries in found.items() if any(entry.key == "approvals" for entry in entries)]
    people = policy.people.persons.values()
    if asked and people:
        known = [
            [person.name, *(", ".join(sorted(of)) for of in (person.groups, person.keys, person.addresses))]
            for person in people
        ]
        show_table(["person", "groups", "keys", "git"], known)
