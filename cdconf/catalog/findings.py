"""What lint finds besides errors: things that work, and that their author probably didn't mean."""

from __future__ import annotations

from dataclasses import dataclass

RULES = {
    "unused_variable": "A role declares a variable that nothing reads.",
    "undeclared_variable": "A role reads a variable that no role declares: it has no type and no doc.",
    "unread_variable": "A file sets a variable that no role declares or reads; often a misspelt name.",
    "unused_template": "No resource and no other template names this template.",
    "unused_file": "No resource names this file.",
    "unused_handler": "Nothing notifies this handler.",
    "unused_role": "No group has this role.",
    "unused_secret": "secrets.yml has a secret that nothing reads.",
    "suspicious_guard": "The guard of a command is always true, never true, changes the host, or forgets at a reboot.",
    "secret_in_clear": "A variable whose name suggests a secret has its value unencrypted in a file.",
    "readable_secret": "Everybody on the host can read a file that holds a secret.",
    "unowned_secret": "A file that holds a secret has no `owner`: if it already belongs to a user, that user reads it.",
    "stale_difference": "A copy declares a difference in a variable that doesn't exist.",
    "no_smoke_test": "An app's roles have no smoke tests, so its deployments aren't tested.",
    "expired_toggle": "A feature toggle's `expires` day has come. Remove the toggle, and keep or remove the feature.",
    "expired_waiver": "A waiver's last day is over. Its finding counts as drift again.",
    "stale_waiver": "A waiver is for a host or a group that the environment doesn't have.",
    "database_per_host": "An app's migrations run on one host, and several of its hosts have a database of their own.",
    "app_owns_releases": "A role lets an app's user change the app's `path`, `releases` or `current`.",
    "closed_windows": "An environment requires several windows that are never open at the same time.",
    "lost_order": "Hosts of several groups share one group that comes before all of these. So they are provisioned "
    "together, and the order of the later groups has no effect.",
    "policy": "The policy that `--policy` names requires something that the project doesn't have, or that can't "
    "happen.",
    "missing_secret": "A secret with `generate` has no value in an environment of existing hosts, for which cdconf "
    "generates none.",
    "shared_service": "Two apps on the same hosts name the same service, so each app's deployment starts and stops the "
    "other app.",
    "unmade_service": "An app names a service that no role of its hosts installs.",
    "unmade_user": "An app runs as a user that no role of its hosts creates.",
    "unmade_env_file": "An app's `env_file` is written by no role of its hosts.",
    "unknown_os": "cdconf doesn't know a host's `os`; often the name is misspelt.",
    "shared_address": "Two hosts of an environment are reached at the same address and port, by the same way: they are "
    "one machine.",
    "no_environment": "The project has no environment.",
    "no_health": "An app has no health check, so a deployment can't find out whether the app works.",
}


@dataclass(frozen=True)
class LintFinding:
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
