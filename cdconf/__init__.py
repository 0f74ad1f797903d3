"""cdconf: the last mile of continuous delivery, from a described environment to a verified release."""

__version__ = "0.1.0"
