"""Secrets: values that taint what they touch, a mask for all output, and a store encrypted with age."""

from cdconf.secrets.mask import Mask
from cdconf.secrets.store import SecretStore
from cdconf.secrets.taint import Secret, is_tainted, taint

__all__ = ["Mask", "Secret", "SecretStore", "is_tainted", "taint"]
