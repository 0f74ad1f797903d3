"""The image of test hosts: what their roles install again and again is there, so that hosts needn't install it each.

Tests about installing leave it out, and start from the product's plain image. `python -m tests.host_image` makes it
beforehand.
"""

import functools
import hashlib
import io
import re
import sys
import tempfile
from pathlib import Path

from cdconf.environments.docker.image import ensure_image
from cdconf.environments.docker.listing import engine
from cdconf.environments.docker.pull import present
from cdconf.errors import ProviderError
from cdconf.events import Step
from cdconf.file_lock import held

OS = "debian-12"
# Services are there as after an installation that nobody has asked to start them: roles and cases say what should run.
# Nobody reads the greeting that Debian makes anew at each login, nor asks for mail; and sshd forks for a connection, in
# place of starting itself anew with all its libraries. Together that's a third of what a connection costs its host.
DOCKERFILE = """
FROM {plain}
RUN export DEBIAN_FRONTEND=noninteractive; apt-get -q update \
 && apt-get -qy --no-install-recommends -o Acquire::Retries=3 install \
    curl git logrotate nftables nginx-light openssl postgresql procps python3 python3-venv \
 && systemctl disable nginx.service postgresql.service logrotate.timer && apt-get clean \
 && rm -r /var/log/nginx/* /etc/update-motd.d/*
RUN sed -i -E '/pam_(motd|mail)[.]so/d' /etc/pam.d/sshd && sed -i 's/^SSHD_OPTS=.*/SSHD_OPTS=-r/' /etc/default/ssh \
 && mkdir -p /etc/systemd/system-generators && cd /etc/systemd/system-generators \
 && for one in {generators}; do ln -s /dev/null systemd-$one-generator; done
"""
# What systemd starts whenever units are read again, for disks and terminals that no container has: 4 ms each.
GENERATORS = (
    *("cryptsetup", "debug", "getty", "gpt-auto", "hibernate-resume", "integritysetup", "rc-local"),
    *("run", "system-update", "veritysetup"),
)


@functools.cache
def base_image() -> str:
    """The name of the image, which is made when the engine doesn't have it."""
    client = engine()
    text = DOCKERFILE.format(plain=ensure_image(client, OS, _say), generators=" ".join(GENERATORS))
    name = f"cdconf-tests:{hashlib.sha256(text.encode()).hexdigest()[:10]}"
    lock = Path(tempfile.gettempdir()) / f"{name.replace(':', '-')}.lock"
    with held(lock, ProviderError, lambda: _say(Step("waiting for the tests' image"))):
        if not present(client, name):
            client.images.build(fileobj=io.BytesIO(text.encode()), tag=name, rm=True, forcerm=True)
        # The product adds its own layer to an image that an inventory names: once, here, rather than in many tests.
        ensure_image(client, OS, _say, base=name)
    return name


def furnished(files: dict[str, str]) -> dict[str, str]:
    """A project's files, in which Docker makes its hosts from the tests' image."""
    line = rf"\1provider: docker\n\1base_images: {{{OS}: '{base_image()}'}}\n"
    return {
        path: re.sub(r"^( *)provider: docker\n", line, text, flags=re.MULTILINE)
        if path.endswith("/hosts.yml") and "base_images" not in text
        else text
        for path, text in files.items()
    }


def _say(event) -> None:
    print(event.message, file=sys.stderr)


if __name__ == "__main__":
    base_image()
