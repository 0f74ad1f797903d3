"""Smoke tests: the roles' testinfra tests, run through the live sessions.

`runner` is the controller's side, `plugin` that of the tests' process, which loads nothing else of cdconf.
"""
