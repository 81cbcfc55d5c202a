"""Reads and writes model archives: zip files of records, as TorchScript has them.

An archive written here depends on nothing but its content: records stand in name order, without
time stamps, and without TorchScript's `*.debug_pkl` records, which hold the paths of the Python
files on the machine that exported the module. TorchScript loads archives without them.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from . import manifest as manifests
from .errors import ModelsError

_TOP = "archive"  # every record stands in one folder, whose name TorchScript ignores
_ALIGNMENT = 64  # TorchScript aligns tensor data so
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_LOCAL_HEADER = 30
_FIELD_ID = b"FB"  # the id of the padding field that TorchScript's own writer uses
_MAX_RECORD = 1 << 31


def records_of_module(module: Any) -> dict[str, bytes]:
    """What torch.jit.save would write for a ScriptModule, less the debug records."""
    import torch

    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    with zipfile.ZipFile(buffer) as archive:
        records = _read_all(archive)
    return {name: data for name, data in records.items() if not name.endswith(".debug_pkl")}


def read_records(path: Path) -> dict[str, bytes]:
    """All records of an archive, by name without the top folder. Checks every checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_all(archive)
    except OSError as error:
        raise ModelsError(f"{path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ModelsError(f"{path}: not a TorchScript archive: {error}") from error


def _read_all(archive: zipfile.ZipFile) -> dict[str, bytes]:
    records: dict[str, bytes] = {}
    for info in archive.infolist():
        _, slash, name = info.filename.partition("/")
        if not slash or not name or info.file_size > _MAX_RECORD or name in records:
            raise zipfile.BadZipFile(f"unexpected record {info.filename!r}")
        records[name] = archive.read(info)
    return records


def write(path: Path, records: dict[str, bytes], manifest: dict[str, Any]) -> None:
    """Write the records and the manifest; the file appears whole or not at all."""
    records = {**records, manifests.RECORD: manifests.dump(manifest)}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _write_zip(file, records)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _write_zip(file: Any, records: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(records, key=lambda key: key.encode("utf-8")):
            info = zipfile.ZipInfo(f"{_TOP}/{name}", _FIRST_DAY)
            info.create_system = 0
            info.external_attr = 0
            info.extra = _padding(file.tell() + _LOCAL_HEADER + len(info.filename.encode("utf-8")))
            archive.writestr(info, records[name])


def _padding(offset: int) -> bytes:
    """An extra field after which the data begins at a multiple of the alignment."""
    size = -(offset + 4) % _ALIGNMENT
    return _FIELD_ID + size.to_bytes(2, "little") + b"Z" * size


def manifest_of(records: dict[str, bytes]) -> dict[str, Any]:
    """The manifest among the records."""
    if manifests.RECORD not in records:
        raise ModelsError("the archive has no facematch.json")
    return manifests.parse(records[manifests.RECORD])


def model_id(records: dict[str, bytes], manifest: dict[str, Any]) -> str:
    """The id (hexadecimal) that says which embeddings are comparable; docs/models.md has its form."""
    digest = hashlib.sha256()
    for name, data in sorted((name.encode("utf-8"), data) for name, data in records.items()
                             if name != manifests.RECORD):
        digest.update(name + b"\0" + len(data).to_bytes(8, "little"))
        digest.update(data)
    digest.update(b"manifest\0" + manifests.identity(manifest))
    return digest.hexdigest()
