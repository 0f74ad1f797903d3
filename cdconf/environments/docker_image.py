"""The image that hosts are made of: Debian with systemd, sshd and a Python, like a small virtual machine."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from cdconf.errors import ProviderError
from cdconf.events import Emit, Step

REPOSITORY = "cdconf-host"
SUITES = {"debian-11": "bullseye", "debian-12": "bookworm", "debian-13": "trixie"}
PACKAGES = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3-minimal",
    "python3-apt",
    "sudo",
    "ca-certificates",
    "iproute2",
    "procps",
]
# What a container has no use for, and what must not be shared by all hosts of an image.
HOOKS = (
    'rm -f "$1"/etc/ssh/ssh_host_*_key* "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id; touch "$1"/etc/machine-id',
    'printf "UseDNS no\\nPermitRootLogin prohibit-password\\nPasswordAuthentication no\\n" '
    '> "$1"/etc/ssh/sshd_config.d/cdconf.conf',
    # Docker mounts /proc/sys read-only. What's below net is the container's own, so a copy can have its parameters.
    'printf "%s\\n" "[Unit]" "Description=Let this host set the parameters of its own network" '
    '"DefaultDependencies=no" "Before=systemd-sysctl.service" "[Service]" "Type=oneshot" "RemainAfterExit=true" '
    '"ExecStart=mount --bind /proc/sys/net /proc/sys/net" "ExecStart=mount -o remount,bind,rw /proc/sys/net" '
    '"[Install]" "WantedBy=sysinit.target" > "$1"/etc/systemd/system/cdconf-own-network.service; '
    'chroot "$1" systemctl enable --quiet cdconf-own-network.service',
    'printf "Acquire::Languages \\"none\\";\\n" > "$1"/etc/apt/apt.conf.d/99languages',
    'chroot "$1" systemctl mask getty.target console-getty.service systemd-logind.service systemd-udevd.service '
    "systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer "
    "systemd-remount-fs.service dev-hugepages.mount sys-kernel-debug.mount >/dev/null 2>&1",
)


def tag(os: str) -> str:
    """The image of an `os`: its recipe's hash is in the tag, so that a changed recipe makes a new image.

    Raises:
        ProviderError: There's no recipe for it.
    """
    if os not in SUITES:
        raise ProviderError(f"there's no Docker image for os '{os}'", hint=f"known: {', '.join(SUITES)}")
    recipe = hashlib.sha256(repr((SUITES[os], PACKAGES, HOOKS)).encode()).hexdigest()[:10]
    return f"{REPOSITORY}:{os}-{recipe}"


def ensure_image(engine: Any, os: str, emit: Emit) -> str:
    """Builds the image with mmdebstrap when it isn't there; returns its tag.

    Raises:
        ProviderError: mmdebstrap is missing or failed.
    """
    from docker.errors import ImageNotFound

    name = tag(os)
    try:
        engine.images.get(name)
        return name
    except ImageNotFound:
        pass
    if shutil.which("mmdebstrap") is None:
        raise ProviderError(
            f"the image for {os} is built with mmdebstrap, which isn't installed", hint="apt-get install mmdebstrap"
        )
    emit(Step(f"building the image for {os} (once, about a minute)"))
    with tempfile.TemporaryDirectory(prefix="cdconf-image-") as folder:
        archive = Path(folder) / "root.tar"
        _bootstrap(os, archive)
        changes = ['CMD ["/sbin/init"]', "ENV container=docker"]
        repository, _, version = name.partition(":")
        engine.api.import_image_from_file(str(archive), repository=repository, tag=version, changes=changes)
    return name


def _bootstrap(os: str, archive: Path) -> None:
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "--quiet"]
    command += [f"--customize-hook={hook}" for hook in HOOKS]
    result = subprocess.run([*command, SUITES[os], str(archive)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ProviderError(
            f"mmdebstrap can't build {os} (exit status {result.returncode})",
            detail="\n".join(result.stderr.splitlines()[-15:]),
        )
