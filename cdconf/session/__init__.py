"""The controller's side of a connection: transports (ssh, docker, local), and the protocol of a host's agent."""

from cdconf.session.connector import Connector
from cdconf.session.session import AgentError, Session

__all__ = ["AgentError", "Connector", "Session"]
