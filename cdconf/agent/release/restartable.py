"""Whether an app's service may be restarted or reloaded by a run that deploys nothing.

A restart runs whatever `current` points to. Only a deployment may bring a release into use that isn't verified, since
only a deployment proves it, and takes it back.
"""

from cdconf.agent.records.ledger import Ledger
from cdconf.agent.release.releases import Releases


def problem(store, app, environment):
    """Why an app's service must be left alone on this host, and the command that mends it; None when it may be.

    Args:
        store: The project's `Store`.
        app: `{"name", "path"}`.
        environment: The environment's name, for the command.
    """
    ledger = Ledger(store, app["name"])
    releases = Releases(app["path"], ledger)
    linked, verified = releases.linked(), releases.verified()
    if linked is None:
        return None
    deploy = "cdconf deploy {} --to {}{}"
    if ledger.page["activating"] is not None:
        text = "the deployment of {} was interrupted".format(ledger.page["activating"]["to"])
        return _text(text, deploy.format(app["name"], environment, " --resume"))
    if linked != verified:
        about = ledger.page["releases"].get(verified)
        word = "{}@{}".format(app["name"], about["version"]) if about else app["name"]
        text = "current points to {}, which isn't the verified release ({})".format(linked, verified or "there's none")
        return _text(text, deploy.format(word, environment, ""))
    pin = ledger.page["pinned"].get(ledger.page["releases"][linked]["archive"])
    if pin is not None:
        text = "{} is pinned, because it failed: {}".format(linked, pin["reason"])
        return _text(text, "cdconf rollback {} {}".format(environment, app["name"]))
    return None


def _text(why, repair):
    return "it stays due, since a restart would run what isn't proven: {}; `{}` mends that".format(why, repair)
