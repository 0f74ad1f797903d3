"""Compares what cdconf says with what is true on hosts and with what a run did: pure, each false word as a text.

What's true is gathered past cdconf (`World.truth`): `{host: {"linked", "active", "served", "revision", "written",
"ledger", "changed", "undrained"}}` of web hosts: the release that `current` leads to, systemd's state, what the process
answers as its version and its revision, the revision on disk, the app's page of the ledger; and `{"down", "drained",
"noted_at"}` of the load balancer: the hosts that nginx passes by, those that cdconf has noted, and when each
was drained or put back last.
"""

import re

LATE = 3.0  # seconds before a run's end that it may not have heard of
NAMES = r"((?:\w+, )*\w+)"


def of_status(document, truth, run, ended_itself):
    """What's false in what `cdconf status` says of an environment that has come to rest.

    Args:
        document: What it says, as JSON.
        truth: See above; `{"web": {…}, "lb": {…}}`.
        run: `deploy` or `provision`: what was struck last.
        ended_itself: Whether that run ended by itself, in order, while all hosts answered.
    """
    false = []
    for host, real in truth["web"].items():
        told = (document.get("status") or {}).get(host)
        if told is None:
            false.append(f"status says nothing of {host}")
            continue
        false += [f"status of {host}: {text}" for text in _of_page(told["apps"]["app"], real)]
        if told["lease"] is not None:
            false.append(f"status says that {host} is held by {told['lease']['owner']}, and nobody is at work")
        if told["left"] is not None and ended_itself:
            false.append(
                f"status says that {told['left']['owner']} never gave {host} back, though its run ended in order"
            )
    said = set((document.get("drained") or {}).get("app", {}))
    if said != truth["lb"]["down"]:
        false.append(f"status says drained: {sorted(said)}, and nginx passes by {sorted(truth['lb']['down'])}")
    return false + _of_interrupted(document, truth["web"], run)


def _of_page(page, real):
    false = []
    if page["linked"] != real["linked"]:
        false.append(f"current is {real['linked']}, not {page['linked']}")
    if page["services"].get("app") != real["active"]:
        false.append(f"the service is {real['active']}, not {page['services'].get('app')}")
    if page["verified"][-1:] != real["ledger"]["verified"][-1:]:
        false.append(f"verified is {real['ledger']['verified'][-1:]}, not {page['verified'][-1:]}")
    runs_it = real["linked"] is not None and real["linked"].startswith(f"{real['served']}-")
    if (page["problem"] is None) != runs_it:
        false.append(f"'{page['problem']}', while the process of {real['served']} runs and current is {real['linked']}")
    return false


def _of_interrupted(document, webs, run):
    told = (document.get("interrupted") or {}).get("app")
    if told is None:
        differ = len({real["linked"] for real in webs.values()}) > 1
        return ["hosts differ, and status names no interruption"] if differ else []
    if run != "deploy":
        return [f"status says that a {told['kind']} was interrupted, and it was a {run}"]
    false = []
    activated = [name for name, real in webs.items() if told["run"] in _runs(real, "activated")]
    if told["ending"] == "again" and activated:
        false.append(f"status says that no host was touched, and {activated} were activated")
    if told["kind"] != "deployment":
        false.append(f"status calls a deployment a {told['kind']}")
    behind = [name for name, real in webs.items() if real["linked"] != told["release"]]
    for where in ("reverted", "others"):
        false += [f"status says {where} of {name}, which runs it" for name in told[where] if name not in behind]
    false += [f"status says that {name} has it confirmed" for name in told["confirmed"] if name in behind]
    false += [
        f"status says {name} went back, which was never activated" for name in told["reverted"] if name not in activated
    ]
    return false


def _runs(real, event):
    return {one.get("run") for one in real["ledger"].get("events", ()) if one["event"] == event}


def of_end(said, truth, began, ended):
    """What's false in what a deployment says at its very end of hosts that it couldn't take back, or put back.

    Args:
        said: What it has said.
        truth: What was true right after.
        began: When it was begun, in seconds since 1970.
        ended: When it ended.
    """
    webs = truth["web"]
    false = []
    activated = {name for name, real in webs.items() if _after(real, "activated", began)}
    for name in _named(said, "NOT rolled back: "):
        back = [at for event in ("reverted", "rolled_back") for at in _after(webs[name], event, began)]
        if name not in activated:
            false.append(f"'NOT rolled back: {name}', which was never activated")
        elif back and max(back) < ended - LATE:
            false.append(f"'NOT rolled back: {name}', which went back {ended - max(back):.0f} s before that was said")
    balancer = truth["lb"]
    false += [
        f"'STILL DRAINED: {name}', which was in use again long before"
        for name in _named(said, "STILL DRAINED: ")
        if name not in balancer["down"] and balancer["noted_at"].get(name, 0) < ended - LATE
    ]
    if "no host was touched" in said and activated:
        false.append(f"'no host was touched', and {sorted(activated)} were activated")
    if "every touched host was rolled back" in said:
        false += [
            f"'every touched host was rolled back', and {name} runs what isn't verified"
            for name in sorted(activated)
            if webs[name]["linked"] != (webs[name]["ledger"]["verified"] or [None])[-1]
        ]
    return false


def _after(real, event, began):
    return [one["at"] for one in real["ledger"].get("events", ()) if one["event"] == event and one["at"] >= began]


def _named(said, words):
    found = re.findall(re.escape(words) + NAMES, said)
    return list(dict.fromkeys(name for names in found for name in names.split(", ")))


def of_hosts(document, truth, run, old, new):
    """What's false in what a run's JSON says of each web host, once all has come to rest.

    Args:
        document: The JSON.
        truth: What was true then.
        run: `deploy` or `provision`.
        old: `{"version", "revision"}` before it.
        new: The same as it should be afterwards.
    """
    false = []
    for name, real in truth["web"].items():
        status = document["hosts"].get(name, {}).get("status")
        is_new = real["served"] == new["version"] and real["revision"] == new["revision"] == real["written"]
        is_old = real["served"] == old["version"] and real["revision"] == old["revision"] == real["written"]
        what = f"the run says '{status}' of {name}, which serves {real['served']}, revision {real['revision']}"
        if status == "changed" and not is_new:
            false.append(what)
        if status == "rolled_back" and (run != "deploy" or not is_old):
            false.append(what)
        if status == "not_attempted" and not is_old:
            false.append(what)
        if status == "ok" and not (is_new if run == "provision" else is_new or is_old):
            false.append(what)
        if status is None and document["exit_code"] == 0:
            false.append(f"the run says nothing of {name}, and that all is well")
    return false


def of_exit(kind, code, document, truth, new):
    """What's false in an exit code, and in what the JSON says of it; `document` is None where there's none."""
    false = []
    expected = {"pipe": {0}, "hangup": {0, 143}, "freeze": {0, 4}}.get(kind.strike, {0, 4})
    if code not in expected:
        false.append(f"exit code {code}, where {sorted(expected)} is right")
    if document is not None and (document["exit_code"] != code or document["ok"] != (code == 0)):
        false.append(f"exit code {code}, and the JSON says {document['exit_code']}, ok: {document['ok']}")
    served = {(real["served"], real["revision"]) for real in truth["web"].values()}
    if code == 0 and served != {(new["version"], new["revision"])}:
        false.append(f"exit code 0, and hosts serve {sorted(served)}")
    if code == 0 and truth["lb"]["down"]:
        false.append(f"exit code 0, and {sorted(truth['lb']['down'])} are drained")
    return false


def of_history(document, run, code, began):
    """What's false in the history after a run: it must know it with its exit code, or that it was killed.

    Args:
        document: The JSON of `cdconf history`.
        run: Its command.
        code: Its exit code; None of one that was killed.
        began: When it was begun, in seconds since 1970.
    """
    newest = document["runs"][0] if document["runs"] else {}
    if code is None:
        killed = [one["command"] for one in document["killed"] if one["started_at"] > began - 1.0]
        return [] if run in killed else [f"history doesn't say that a {run} was killed: {killed}"]
    if (newest.get("command"), newest.get("exit_code")) != (run, code):
        return [f"the newest run of the history is {newest.get('command')} {newest.get('exit_code')}, not {run} {code}"]
    return []
