"""A store in a bucket, through fsspec: `s3://bucket/prefix`.

Objects of S3 appear whole, when their upload ends. Names are taken with conditional writes (`If-None-Match: *`),
see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html. Credentials, region and endpoint
come from where all tools of AWS have them: AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL, ~/.aws, instance roles.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.agent.release.tree import sha256_file
from cdconf.artifacts.shards import FOLDER, may_be_sharded, path_of, shard_of
from cdconf.artifacts.store_files import TEMPORARY, StoreFile
from cdconf.errors import ArtifactError, CdconfError
from cdconf.patience import told

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ATTEMPTS = 2  # s3fs's own; each asks botocore, which tries as often, or as AWS_MAX_ATTEMPTS says
_VARIABLES = ("AWS_", "FSSPEC_", "BOTO")
_CONFIGURED = {"AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials", "AWS_CONFIG_FILE": "~/.aws/config"}
CONNECT, SILENCE = 5, 8  # seconds: for the connection; for a server that says nothing at all
_SILENT = f"it said nothing for {SILENCE} s, in several attempts: it hangs"


def _limits() -> dict[str, Any]:
    """For botocore's Config. By default it would wait for minutes, again and again."""
    limits: dict[str, Any] = {"connect_timeout": CONNECT, "read_timeout": SILENCE}
    return limits if "AWS_MAX_ATTEMPTS" in os.environ else limits | {"retries": {"total_max_attempts": ATTEMPTS}}


@lru_cache(maxsize=4)
def _service(process: int, settings: tuple[tuple[str, str], ...]) -> AbstractFileSystem:
    """What speaks to the service. To make it takes a tenth of a second, so all stores of a process share it.

    Args:
        process: This one's id: it can't be taken along into a fork.
        settings: What it depends on; others make another one.
    """
    import fsspec

    # Another machine may have written in the meantime: listings aren't kept.
    files = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False, config_kwargs=_limits())
    files.retries = ATTEMPTS
    return files


def _settings() -> tuple[tuple[str, str], ...]:
    """Where credentials, region and endpoint come from: variables, and files of AWS, which other programs may renew."""
    found = {name: value for name, value in os.environ.items() if name == "HOME" or name.startswith(_VARIABLES)}
    for variable, usual in _CONFIGURED.items():
        with contextlib.suppress(OSError):
            status = Path(os.environ.get(variable, usual)).expanduser().stat()
            found[f"{variable} status"] = f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"
    return tuple(sorted(found.items()))


def _is_silence(error: BaseException | None) -> bool:
    while error is not None:
        if type(error).__name__ in ("ReadTimeoutError", "SocketTimeoutError", "ServerTimeoutError"):
            return True
        error = error.__cause__ or error.__context__
    return False


class RemoteBackend:
    """A bucket's prefix.

    Args:
        url: `s3://bucket/prefix`.
        cache: A directory for what is fetched.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self._url = url.rstrip("/")
        self._path = self._url.removeprefix("s3://")
        self._cache = cache

    @cached_property
    def _files(self) -> AbstractFileSystem:
        try:
            return _service(os.getpid(), _settings())
        except ImportError as error:
            raise ArtifactError(
                f"the artifact store {self._url} needs s3fs, which isn't installed", hint="pip install 'cdconf[s3]'"
            ) from error

    def shown(self, name: str) -> str:
        return f"{self._url}/{path_of(name)}"

    def entries(self, prefix: str = "", suffix: str = "") -> list[StoreFile]:
        with self._explained("list"):
            return [
                StoreFile(one["name"].rpartition("/")[2], one["size"], one["LastModified"].timestamp())
                for one in sorted(self._listed(prefix, suffix), key=lambda one: str(one["name"]).rpartition("/")[2])
                if one["type"] == "file" and one["name"].endswith(suffix)
            ]

    def names(self, prefix: str = "", suffix: str = "") -> list[str]:
        return [entry.name for entry in self.entries(prefix, suffix)]

    def each(self, *wanted: tuple[str, str]) -> list[list[StoreFile]]:
        return [self.entries(prefix, suffix) for prefix, suffix in wanted]

    def sharded(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        with self._explained("list"):
            for one in self._below(FOLDER, "", deep=True):
                folder, _, name = str(one["name"]).rpartition("/")
                found.setdefault(folder.rpartition("/")[2], []).append(name)
        return found

    def _listed(self, prefix: str, suffix: str) -> list[dict[str, Any]]:
        """The objects whose names begin so; the service itself leaves out the others."""
        shard = shard_of(prefix)
        if shard is not None:
            return self._below(shard, prefix)
        found = self._below("", prefix)
        if may_be_sharded(prefix, suffix):
            names = self._below(FOLDER, "", deep=True)
            found += [name for name in names if name["name"].rpartition("/")[2].startswith(prefix)]
        return found

    def _below(self, folder: str, prefix: str, *, deep: bool = False) -> list[dict[str, Any]]:
        """The objects right below a directory, or also those below its own directories."""
        path = f"{self._path}/{folder}" if folder else self._path
        try:
            if not prefix and not deep:
                everything: list[dict[str, Any]] = self._files.ls(path, detail=True)
                return everything
            found: dict[str, dict[str, Any]] = self._files.find(path, prefix=prefix, detail=True)
            return [one for name, one in found.items() if deep or name.rpartition("/")[0] == path]
        except FileNotFoundError:  # nothing under the prefix, or no bucket
            if not self._files.exists(self._path.partition("/")[0]):
                raise
            return []

    def read(self, names: Sequence[str]) -> dict[str, bytes | OSError]:
        if not names:
            return {}
        with self._explained("read"):
            found: dict[str, Any] = self._files.cat([self._at(name) for name in names], on_error="return")
            for value in found.values():
                if isinstance(value, Exception) and not isinstance(value, (FileNotFoundError, PermissionError)):
                    raise value
        known = {path.rpartition("/")[2]: value for path, value in found.items()}
        return {name: value for name, value in known.items() if not isinstance(value, FileNotFoundError)}

    def create(self, name: str, data: bytes) -> bool:
        with self._explained("write to"):
            try:
                self._files.pipe_file(self._at(name), data, mode="create")
            except FileExistsError:
                return False
            return True

    def put(self, name: str, file: Path) -> None:
        with self._explained("write to"):
            self._files.put_file(str(file), self._at(name))

    def fetch(self, name: str, digest: str, *, fresh: bool = False) -> Path | None:
        kept = None if fresh else self.kept(name, digest)
        if kept is not None:
            return kept
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._cache, prefix=TEMPORARY)
        os.close(descriptor)
        try:
            with self._explained("read"):
                try:
                    self._files.get_file(self._at(name), temporary)
                except FileNotFoundError:
                    return None
                if sha256_file(temporary) != digest:
                    return None  # a whole copy of earlier stays as it is
                return Path(temporary).replace(self._cache / name)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def kept(self, name: str, digest: str) -> Path | None:
        path = self._cache / name
        return path if path.is_file() and sha256_file(str(path)) == digest else None

    def delete(self, name: str) -> None:
        with self._explained("remove from"), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self._path}/{path_of(name)}"

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            with told(f"the artifact store {self._url}"):
                yield
        except CdconfError:
            raise
        except Exception as error:  # each library below has errors of its own, without a common base
            reason = _SILENT if _is_silence(error) else (str(error).splitlines() or [""])[0] or type(error).__name__
            raise ArtifactError(
                f"can't {what} the artifact store {self._url}: {reason}",
                hint="credentials, region and endpoint come from AWS_* variables and ~/.aws",
            ) from error
