"""What the host really is, resource by resource, for a comparison with another host; changes nothing."""

from cdconf.agent import wire
from cdconf.agent.commands.execute import printable
from cdconf.agent.converge import type_agents
from cdconf.agent.converge.apply import observe
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.records.fingerprints import fingerprint
from cdconf.agent.records.store import AppliedResources

SEALED = "$sealed"
LONGEST = 1024  # bytes of JSON; a longer value is sealed, too


def seal(key, value):
    """A MAC of a value under the run's key, hex."""
    return fingerprint(bytes.fromhex(key), value)


def portray(agent, catalog, key, portrayed):
    """The states of a catalog's resources, and what was left over from earlier ones.

    Args:
        agent: The session's agent.
        catalog: The compiled document.
        key: 64 hex digits, the run's key: values of sensitive resources, and long ones, are sealed under it.
        portrayed: Type -> fields of its state that are told though the catalog doesn't ask for them.

    Returns:
        `{"states": {id: {field: value} | None | text}, "orphans": {"TYPE TITLE": source}}`; a text says why a
        resource couldn't be observed.
    """
    states = {}
    for module, resources in _batches(catalog["resources"]):
        for resource, state in zip(resources, observe(module, [_asked(module, one) for one in resources])):
            asked = [name for name in catalog["compare"].get(resource["type"], ()) if name in resource["fields"]]
            names = asked + [name for name in portrayed.get(resource["type"], ()) if name not in asked]
            states[resource["id"]] = _told(state, resource, names, key)
    return {"states": states, "orphans": _orphans(agent, catalog)}


def _orphans(agent, catalog):
    """What was applied once and isn't in the files; a thing of which a host has one only has been replaced."""
    if not catalog["complete"]:
        return {}
    present = {resource["type"] for resource in catalog["resources"]}
    left = [entry for _, entry in AppliedResources(agent.store).orphans(catalog)]
    return {
        "{} {}".format(entry["type"], entry["title"]): entry["source"]
        for entry in left
        if entry["type"] not in present or not getattr(type_agents.agent_of(entry["type"]), "ONE_PER_HOST", False)
    }


def _batches(resources):
    """Contiguous resources of a type with its module, so that one look serves all of them."""
    batch = []
    for resource in resources:
        if batch and resource["type"] != batch[0]["type"]:
            yield type_agents.agent_of(batch[0]["type"]), batch
            batch = []
        batch.append(resource)
    if batch:
        yield type_agents.agent_of(batch[0]["type"]), batch


def _asked(module, resource):
    """The resource to observe; a type may look at more than its fields ask for (`portray(fields)`)."""
    change = getattr(module, "portray", None)
    return dict(resource, fields=change(resource["fields"])) if change is not None else resource


def _told(state, resource, names, key):
    if isinstance(state, Failed):
        text = printable(state.message)
        return text if isinstance(state, Missing) or not resource["sensitive"] else "it can't be observed"
    if state is None:
        return None
    return {name: _value(state[name], resource["sensitive"], key) for name in names if name in state}


def _value(value, sensitive, key):
    if sensitive or len(wire.dumps(value)) > LONGEST:
        return {SEALED: seal(key, value)}
    return value
