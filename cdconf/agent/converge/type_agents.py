"""The modules of resource types, loaded when they are first needed."""

import sys

from cdconf.agent.errors import Failed


def agent_of(type_name):
    """The module that observes and applies a resource type."""
    name = "cdconf.resources.{}.agent".format(type_name)
    try:
        __import__(name)
        return sys.modules[name]
    except ImportError as error:
        raise Failed("the agent of resource type '{}' can't be loaded: {}".format(type_name, error))
