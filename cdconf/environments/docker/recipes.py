"""What hosts of each `os` are made of: a plain image of the distribution, and what a host has beyond it.

A recipe is data: how its image comes about is `image.py`'s to know. What it says is in the image's tag, by hash.
"""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass

from cdconf.environments.docker.options import SYSTEMD_STOP
from cdconf.errors import ProviderError, did_you_mean

REPOSITORY = "cdconf-host"

# What must not be shared by all hosts of an image, and how people log in. The drop-in comes first, so it wins.
_LOGIN = r"""
rm -f /etc/ssh/ssh_host_*_key* /etc/machine-id /var/lib/dbus/machine-id
mkdir -p /etc/ssh/sshd_config.d
printf '%s\n' 'UseDNS no' 'PermitRootLogin prohibit-password' 'PasswordAuthentication no' \
  > /etc/ssh/sshd_config.d/00-cdconf.conf
grep -qi '^Include  *"*/etc/ssh/sshd_config.d/' /etc/ssh/sshd_config \
  || sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config
"""
# Docker mounts /proc/sys read-only. What's below net is the container's own, so a copy can have its parameters.
# Then what a container has no use for, or what would wait for hardware.
_SYSTEMD = r"""
touch /etc/machine-id
printf '%s\n' '[Unit]' 'Description=Let this host set the parameters of its own network' \
  'DefaultDependencies=no' 'Before=systemd-sysctl.service' '[Service]' 'Type=oneshot' 'RemainAfterExit=true' \
  'ExecStart=mount --bind /proc/sys/net /proc/sys/net' 'ExecStart=mount -o remount,bind,rw /proc/sys/net' \
  '[Install]' 'WantedBy=sysinit.target' > /etc/systemd/system/cdconf-own-network.service
systemctl enable --quiet cdconf-own-network.service
systemctl mask getty.target console-getty.service systemd-logind.service systemd-udevd.service \
  systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer dnf-makecache.timer \
  systemd-remount-fs.service dev-hugepages.mount sys-kernel-debug.mount >/dev/null 2>&1
"""
# A distribution's image for containers keeps services from starting, and throws downloaded packages away.
_APT = r"""
rm -f /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/docker-*
printf 'Acquire::Languages "none";\n' > /etc/apt/apt.conf.d/99languages
"""
_DNF = "systemctl enable --quiet sshd.service\n"
# busybox is the init: no consoles, no hardware; Docker has set up the network before anything starts.
_OPENRC = r"""
sed -i '/getty/d' /etc/inittab
sed -i 's/^#* *rc_sys=.*/rc_sys="docker"/' /etc/rc.conf
printf '%s\n' 'rc_provide="loopback net"' >> /etc/rc.conf
rm -f /etc/init.d/hwdrivers /etc/init.d/hwclock /etc/init.d/modules /etc/init.d/modloop
rc-update add sshd default
"""
_PROOF = "test -x /sbin/init && test -x /usr/sbin/sshd\n"


@dataclass(frozen=True)
class Family:
    """Distributions that are furnished alike.

    Attributes:
        install: The command line that installs `packages`, in the plain image.
        clean: What removes the package manager's leftovers.
        packages: What a host has.
        setup: A script (POSIX shell) that runs once they're installed.
        stop: The signal by which its init shuts down.
    """

    install: str
    clean: str
    packages: tuple[str, ...]
    setup: str
    stop: str = SYSTEMD_STOP


@dataclass(frozen=True)
class Recipe:
    """How the hosts of an `os` are made. `suite`: what mmdebstrap calls it, where that can build it from nothing."""

    os: str
    base: str
    family: Family
    suite: str | None = None

    def tag(self, base: str | None = None) -> str:
        """The image: everything that it's made of is in its tag, so that a changed recipe makes a new one.

        Args:
            base: What the inventory names in place of the recipe's own plain image.
        """
        digest = hashlib.sha256(repr((base or self.base, self.family, self.suite)).encode()).hexdigest()[:10]
        return f"{REPOSITORY}:{self.os}-{digest}"

    @property
    def script(self) -> str:
        """What turns the plain image into a host's, as one script."""
        packages = " ".join(map(shlex.quote, self.family.packages))
        return f"{self.family.install} {packages}\n{self.family.clean}\n{self.family.setup}"


DEBIAN = Family(
    install="had=$(ls /var/lib/apt/lists/*_Packages* 2>/dev/null || true); "
    "export DEBIAN_FRONTEND=noninteractive; apt-get -q update; "
    "apt-get -qy -o APT::Install-Recommends=false -o Acquire::Retries=3 install",
    clean='apt-get clean; test -n "$had" || rm -rf /var/lib/apt/lists/*',
    packages=(
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
    ),
    setup=_LOGIN + _SYSTEMD + _APT + _PROOF,
)
REDHAT = Family(
    install="dnf -qy --setopt=install_weak_deps=False install",
    clean="dnf -q clean all",
    packages=(
        "systemd",
        "dbus",
        "openssh-server",
        "python3",
        "sudo",
        "ca-certificates",
        "iproute",
        "procps-ng",
        "util-linux",
    ),
    setup=_LOGIN + _SYSTEMD + _DNF + _PROOF,
)
ALPINE = Family(
    install="apk add --no-cache",
    clean="true",
    packages=("alpine-base", "openrc", "openssh", "python3", "sudo", "ca-certificates", "iproute2", "procps"),
    setup=_LOGIN + _OPENRC + _PROOF,
    stop="SIGUSR2",  # busybox: power off
)
RECIPES = {
    recipe.os: recipe
    for recipe in (
        Recipe("debian-11", "debian:11", DEBIAN, "bullseye"),
        Recipe("debian-12", "debian:12", DEBIAN, "bookworm"),
        Recipe("debian-13", "debian:13", DEBIAN, "trixie"),
        Recipe("ubuntu-22.04", "ubuntu:22.04", DEBIAN),
        Recipe("ubuntu-24.04", "ubuntu:24.04", DEBIAN),
        Recipe("rocky-9", "rockylinux/rockylinux:9", REDHAT),
        Recipe("alma-9", "almalinux:9", REDHAT),
        Recipe("fedora", "fedora:latest", REDHAT),
        Recipe("fedora-42", "fedora:42", REDHAT),
        Recipe("alpine", "alpine:latest", ALPINE),
        Recipe("alpine-3.22", "alpine:3.22", ALPINE),
    )
}


def recipe_for(os: str, file: str | None = None, line: int | None = None) -> Recipe:
    """The recipe of an `os`; `file` and `line` are where it's asked for.

    Raises:
        ProviderError: There's none.
    """
    if os in RECIPES:
        return RECIPES[os]
    meant = did_you_mean(os, RECIPES)
    hint = meant or f"name the host's `image`, or one of: {', '.join(RECIPES)}"
    raise ProviderError(f"there's no Docker image for os '{os}'", hint=hint, file=file, line=line)
