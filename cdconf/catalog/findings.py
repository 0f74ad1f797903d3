"""What lint finds besides errors: things that work, and that their author probably didn't mean."""

from __future__ import annotations

from dataclasses import dataclass

RULES = {
    "unused_variable": "A role declares a variable that nothing reads.",
    "undeclared_variable": "A role reads a variable that no role declares, so that nothing checks or documents it.",
    "unread_variable": "A file sets a variable that nothing declares or reads; often it's a misspelt name.",
    "unused_template": "No resource and no other template names this template.",
    "unused_file": "No resource names this file.",
    "unused_handler": "Nothing notifies this handler.",
    "unused_role": "No group has this role.",
    "unused_secret": "secrets.yml has a secret that nothing reads.",
    "suspicious_guard": "The guard of a command is always or never true, changes the host, or forgets at a reboot.",
    "secret_in_clear": "A variable whose name says that it's a secret stands in a file in the clear.",
    "readable_secret": "A file with a secret in it can be read by everybody on its host.",
    "unowned_secret": "A file with a secret in it has no owner, so that one that was somebody's stays his.",
    "stale_difference": "A copy declares a difference in a variable that doesn't exist.",
    "no_smoke_test": "An app's roles have no smoke tests, so that nothing verifies its deployments.",
    "expired_toggle": "A feature toggle's day has come: what it switches should stay or go, and the toggle go.",
    "expired_waiver": "A waiver's last day is over: what it accepted is a finding of `drift` again.",
    "stale_waiver": "A waiver is for a host or a group that the environment doesn't have.",
    "database_per_host": "An app's migrations run on one host, and several of its hosts have a database of their own.",
    "app_owns_releases": "A role lets an app's user change the app's `path`, `releases` or `current`.",
    "closed_windows": "The windows that an environment requires are never open at the same time.",
    "lost_order": "Hosts of several groups have one group before all of these, so that they're provisioned at once.",
    "policy": "The policy that `--policy` names asks for what the project hasn't, or for what never comes.",
    "missing_secret": "A secret that's generated for hosts of a provider has no value where hosts are your own.",
    "shared_service": "Two apps of the same hosts have one service, so that each of them starts and stops the other.",
    "unmade_service": "No role of an app's hosts makes a service that the app has.",
    "unmade_user": "No role of an app's hosts makes the user that the app runs as.",
    "unknown_os": "A host's `os` is none that cdconf knows; often it's a misspelt name.",
    "no_health": "An app has no health check, so that a deployment can't tell whether it works.",
}


@dataclass(frozen=True)
class Finding:
    """One warning. `rule` is a key of `RULES`; the other fields are those of `CdconfError`."""

    rule: str
    message: str
    file: str
    line: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}"

    def as_dict(self) -> dict[str, object]:
        """The shape of the JSON output's `error` object."""
        return {"kind": self.rule, "message": self.message, "file": self.file, "line": self.line, "hint": self.hint}
