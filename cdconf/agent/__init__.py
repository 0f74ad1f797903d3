"""The agent, which runs on a host. It uses only the standard library of Python 3.6 and later."""
