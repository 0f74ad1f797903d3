"""Runs the commit's own code, builds and smoke tests, where it can't reach the operator's keys.

`variables` says what it may know of the environment, `account` who it runs as, `rights` what that one has left,
`container` where it runs when this user isn't root, `guard` that it ends with the controller.
"""

from cdconf.isolation.account import Account, account
from cdconf.isolation.guarding import GuardProcess
from cdconf.isolation.rights import Rights
from cdconf.isolation.variables import scrubbed

__all__ = ["Account", "GuardProcess", "Rights", "account", "scrubbed"]
