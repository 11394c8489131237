"""Object stores: named bytes in a folder or in S3."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from driftgate.lifecycle.errors import InvalidRequest, NotFound, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Entry:
    """An object as a listing shows it. `modified` is the store's own time."""

    key: str
    modified: datetime
    size: int


class ObjectStore(Protocol):
    """Named bytes. Keys are relative paths with `/`. Every method raises StoreUnavailable where the store does not answer."""

    def put(self, key: str, data: bytes) -> None:
        """Durably stored, all or nothing, before it returns; the same key again replaces the bytes."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes. Raises NotFound."""
        ...

    def delete(self, key: str) -> None:
        """Gone; there may have been none."""
        ...

    def listed(self, prefix: str = "", after: str | None = None) -> Iterator[str]:
        """The keys that begin with the prefix and come after `after`, sorted, read as they are asked for."""
        ...

    def entries(self, prefix: str = "", after: str | None = None) -> Iterator[Entry]:
        """The same objects as `listed`, with what the store says of them."""
        ...


class FolderStore(ObjectStore):
    """The port over a folder. A file appears whole or not at all, also when the power fails."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)

    def put(self, key: str, data: bytes) -> None:
        """See the port: the bytes go to a temporary file, to the disk, and then under their name."""
        path = self._root / _checked(key)
        with self._answering():
            _make_durable_folder(path.parent)
            draft = path.parent / f".{secrets.token_hex(8)}.part"
            try:
                with draft.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
                _sync_folder(path.parent)
            finally:
                draft.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        """See the port."""
        try:
            with self._answering():
                return (self._root / _checked(key)).read_bytes()
        except StoreUnavailable as error:
            if isinstance(error.__cause__, FileNotFoundError | IsADirectoryError | NotADirectoryError):
                raise NotFound(f"there is no object {key} in {self._root}") from error
            raise

    def delete(self, key: str) -> None:
        """See the port."""
        path = self._root / _checked(key)
        with self._answering():
            if path.is_file():
                path.unlink(missing_ok=True)
                _sync_folder(path.parent)

    def listed(self, prefix: str = "", after: str | None = None) -> Iterator[str]:
        """See the port: folders that hold none of the keys asked for are not looked into."""
        with self._answering():
            yield from _walked(self._root, "", prefix, after or "")

    def entries(self, prefix: str = "", after: str | None = None) -> Iterator[Entry]:
        """See the port."""
        for key in self.listed(prefix, after):
            with self._answering():
                try:
                    found = (self._root / key).stat()
                except FileNotFoundError:
                    continue
            yield Entry(key, datetime.fromtimestamp(found.st_mtime, UTC), found.st_size)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(f"the folder {self._root} cannot be used: {error.strerror or error}") from error


class S3Store(ObjectStore):
    """The port over a bucket of S3 or of a server that speaks its protocol (`endpoint_url`).

    Credentials come from the environment, as for every AWS client. `prefix` is put before every key. `connections`: the most
    that are kept open, for stores that many threads use at once.
    """

    def __init__(
        self, bucket: str, prefix: str = "", endpoint_url: str | None = None, region: str | None = None, connections: int = 10
    ) -> None:
        import boto3
        from botocore.config import Config

        self._bucket, self._prefix = bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region,
            # Retrying is the shipper's work: a store that is down must not hold a thread for minutes.
            config=Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 2}, max_pool_connections=connections),
        )

    def put(self, key: str, data: bytes) -> None:
        """See the port: S3 shows an object only when all of it arrived."""
        with self._answering(key):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + _checked(key), Body=data)

    def get(self, key: str) -> bytes:
        """See the port."""
        with self._answering(key):
            return self._client.get_object(Bucket=self._bucket, Key=self._prefix + _checked(key))["Body"].read()

    def delete(self, key: str) -> None:
        """See the port."""
        with self._answering(key):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + _checked(key))

    def listed(self, prefix: str = "", after: str | None = None) -> Iterator[str]:
        """See the port."""
        return (entry.key for entry in self.entries(prefix, after))

    def entries(self, prefix: str = "", after: str | None = None) -> Iterator[Entry]:
        """See the port: S3 lists in the order of UTF-8, a page at a time."""
        with self._answering(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, StartAfter=self._prefix + (after or "")
            )
            for page in pages:
                for item in page.get("Contents", []):
                    yield Entry(item["Key"].removeprefix(self._prefix), item["LastModified"], item["Size"])

    @contextmanager
    def _answering(self, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == "NoSuchKey":
                raise NotFound(f"there is no object {key} in bucket {self._bucket}") from error
            raise StoreUnavailable(f"the bucket {self._bucket} did not answer: {error}") from error


def store_at(address: str, endpoint_url: str | None = None, connections: int = 10) -> ObjectStore:
    """The store of an address: s3://bucket/prefix, or a folder."""
    if address.startswith("s3://"):
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        return S3Store(bucket, prefix, endpoint_url=endpoint_url, connections=connections)
    return FolderStore(Path(address))


def _checked(key: str) -> str:
    parts = key.split("/")
    if "\0" in key or any(part in ("", ".", "..") for part in parts) or key.endswith(".part"):
        raise InvalidRequest(f"{key!r} is not an object key: use a relative path without empty, `.` or `..` parts", field="key")
    return key


def _walked(folder: Path, above: str, prefix: str, after: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(f"{above}{entry.name}/" if entry.is_dir() else f"{above}{entry.name}" for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if name.endswith("/"):
            # All keys of a folder that comes before `after`, and does not hold it, come before it too.
            if (name.startswith(prefix) or prefix.startswith(name)) and (name > after or after.startswith(name)):
                yield from _walked(folder / name[len(above) : -1], name, prefix, after)
        elif name.startswith(prefix) and name > after and not name.endswith(".part"):
            yield name


def _make_durable_folder(folder: Path) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in missing:
        _sync_folder(created.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
