"""The controller's end: transports (ssh, docker, local) and the conversation with the agent on a host."""

from cdconf.session.connector import Connector
from cdconf.session.session import AgentError, Session

__all__ = ["AgentError", "Connector", "Session"]
