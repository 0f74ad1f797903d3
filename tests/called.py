"""Stands for a session: its methods end in one function of a test."""

from cdconf.session.calls import Calls


class Called(Calls):
    """A session without a host.

    Args:
        call: Gets what `Session.call` gets.
        attributes: The session's, such as `host`.
    """

    def __init__(self, call, **attributes):
        self._call = call
        self.__dict__.update(attributes)

    def call(self, name, **arguments):
        return self._call(name, **arguments)
