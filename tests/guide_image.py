"""The image of hosts of the guides to apps: it has what their roles install, and trusts whom this machine trusts.

`python -m tests.guide_image` makes it beforehand.
"""

import functools
import hashlib
import io
import sys
import tarfile
import tempfile
from pathlib import Path

from cdconf.environments.docker.image import ensure_image
from cdconf.environments.docker.listing import engine
from cdconf.environments.docker.pull import present
from cdconf.errors import ProviderError
from cdconf.file_lock import held
from tests.host_image import OS, base_image

TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")
DOCKERFILE = """
FROM {base}
RUN export DEBIAN_FRONTEND=noninteractive; apt-get -q update \
 && apt-get -qy --no-install-recommends -o Acquire::Retries=3 install \
    default-jre-headless nodejs npm php-fpm python3-venv \
 && systemctl disable php8.2-fpm.service && apt-get clean
COPY trusted.crt {trusted}
RUN npm config set --global cafile {trusted}
"""


@functools.cache
def guide_image():
    """The name of the image, which is made when the engine doesn't have it."""
    client = engine()
    text = DOCKERFILE.format(base=base_image(), trusted=TRUSTED).encode()
    trusted = TRUSTED.read_bytes()
    name = f"cdconf-guides:{hashlib.sha256(text + trusted).hexdigest()[:10]}"
    with held(Path(tempfile.gettempdir()) / f"{name.replace(':', '-')}.lock", ProviderError, lambda: None):
        if not present(client, name):
            context = _packed({"Dockerfile": text, "trusted.crt": trusted})
            client.images.build(fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True)
        ensure_image(client, OS, lambda event: print(event.message, file=sys.stderr), base=name)
    return name


def _packed(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    stream.seek(0)
    return stream


if __name__ == "__main__":
    guide_image()
