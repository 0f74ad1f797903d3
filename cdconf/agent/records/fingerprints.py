"""Shows equal values to be equal, and nothing else."""

from cdconf.agent import wire


def fingerprint(key, value):
    """A MAC of a value under the host's key (keyed BLAKE2b, RFC 7693): shows equal values to be equal, nothing else."""
    try:
        from _blake2 import blake2b  # hashlib is the same behind OpenSSL, which takes longer to load than all the rest
    except ImportError:
        from hashlib import blake2b

    return blake2b(wire.dumps(value), digest_size=32, key=key).hexdigest()
