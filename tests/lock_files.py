"""Lock files of Python packages from the index of this machine."""

import hashlib
import re
import subprocess

PLATFORM = ("--only-binary", ":all:", "--python-version", "3.11", "--platform", "manylinux2014_x86_64")


def locked(folder, names):
    """The lines that a lock file of these packages has, for the Python of Debian 12."""
    wheels = folder / ".wheels"
    subprocess.run(["pip", "download", "-q", "-d", wheels, *PLATFORM, *names], check=True, capture_output=True)
    lines = []
    for wheel in sorted(wheels.iterdir()):
        name, version = re.match(r"([^-]+)-([^-]+)-", wheel.name).groups()
        lines.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
        wheel.unlink()
    wheels.rmdir()
    return "".join(lines)
