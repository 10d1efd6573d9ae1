"""Lock of a run directory: a kernel lock that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from alrun.core.errors import LockedError, RunDirectoryLost, StoreError
from alrun.store.disk import DISK
from alrun.store.files import TEMPORARY_PREFIX, is_named, make_directory
from alrun.store.holder import Holder
from alrun.store.reading import opened

__all__ = ["RunLock", "holder_of", "is_locked"]

LOCK = ".lock"
MOST_SIGNATURE = 4096
#: Seconds to wait for a worker whose sweep has ended; it gives itself fewer.
FOR_ORPHANS = 20.0
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(run_dir: Path) -> bool:
    """Return whether a living process holds ``run_dir``. Never waits and never disturbs the holder."""
    try:
        descriptor = os.open(run_dir / LOCK, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        free = _try_lock(descriptor, fcntl.LOCK_SH)
        return not free
    finally:
        os.close(descriptor)


def holder_of(run_dir: Path) -> Holder | None:
    """Return the process of this machine that holds ``run_dir``; ``None`` where there is none, or another is named.

    What the lock file says counts only where the kernel says the same: a directory from elsewhere may name any process.
    """
    if not is_locked(run_dir):
        return None
    try:
        with opened(run_dir / LOCK, MOST_SIGNATURE, 1) as (descriptor, size):
            holder, inode = Holder.read(os.pread(descriptor, size, 0)), os.fstat(descriptor).st_ino
    except StoreError:
        return None
    is_here = holder is not None and holder.host == socket.gethostname()
    return holder if holder is not None and is_here and _holds(holder.pid, inode) else None


def _holds(pid: int, inode: int) -> bool:
    """Return whether the kernel names ``pid`` as the holder of a lock on the file ``inode``."""
    try:
        lines = Path("/proc/locks").read_text(errors="replace").splitlines()
    except OSError:  # the system has no such list
        return True
    words = [line.split() for line in lines]
    return any("FLOCK" in one and str(pid) in one and any(w.endswith(f":{inode}") for w in one) for one in words)


class RunLock:
    """Holds a run directory for as long as the object is entered.

    The lock is the kernel's (``flock``): it goes when the process goes, however it dies. The file names the holder for
    whoever is turned away; it is never a lock by its content.
    """

    def __init__(self, run_dir: Path) -> None:
        """Prepare a lock on ``run_dir``."""
        self._path = run_dir / LOCK
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock, creating the directory.

        Raises:
            LockedError: Another process holds it; says which, on which host.
        """
        while True:
            make_directory(self._path.parent)
            try:
                self._descriptor = DISK.open(self._path, _FLAGS)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"cannot lock {self._path}: {error.strerror}") from error
            if not self._lock_patiently():
                self._refuse()
            if self.is_named:
                break
            self._release()
        self._sign()
        return self

    @property
    def is_named(self) -> bool:
        """Whether the path still names the file that is locked; its directory may have been removed or moved."""
        return is_named(self._path, self._descriptor)

    def check(self) -> None:
        """Raise ``RunDirectoryLost`` where the directory is not the one that was locked."""
        if not self.is_named:
            what = f"{self._path.parent} was removed or replaced while this process held it"
            raise RunDirectoryLost(f"{what}\n    → type the same command again")

    def _lock_patiently(self) -> bool:
        """Try for a moment: whoever asks for the status holds a shared lock for some microseconds.

        A worker whose sweep was killed ends by itself, and is waited for.
        """
        patience = time.monotonic() + FOR_ORPHANS
        attempts = count()
        while not _try_lock(self._descriptor, fcntl.LOCK_EX):
            if next(attempts) < 4:
                time.sleep(0.01)
            elif self._held_by_orphan() and time.monotonic() < patience:
                time.sleep(0.1)
            else:
                return False
        return True

    def _held_by_orphan(self) -> bool:
        holder = Holder.read(os.pread(self._descriptor, 4096, 0))
        return holder is not None and holder.is_orphan

    def _refuse(self) -> None:
        holder, links = Holder.read(os.pread(self._descriptor, 4096, 0)), os.fstat(self._descriptor).st_nlink
        self._release()
        run_dir = self._path.parent
        said = holder.refusal(run_dir) if holder is not None else Holder.refusal_of_nobody(run_dir)
        if links > 1:
            said += f"\n    → or its hard-linked copy is; when neither is running, rm {self._path} separates them"
        raise LockedError(said)

    def _sign(self) -> None:
        """Write who holds the lock; a file with further hard links is replaced first, so that copies lock apart."""
        holder = Holder.here().signature()
        try:
            if os.fstat(self._descriptor).st_nlink > 1:
                self._separate()
            DISK.truncate(self._descriptor, 0)
            DISK.write(self._descriptor, holder)
        except BaseException as error:
            self._release()
            if isinstance(error, OSError):
                raise StoreError(f"cannot sign {self._path} ({len(holder)} bytes): {error.strerror}") from error
            raise

    def _separate(self) -> None:
        """Put a locked file of its own in place of the one that is held."""
        new = self._path.with_name(f"{TEMPORARY_PREFIX}{LOCK}-{os.getpid()}")
        with suppress(FileNotFoundError):
            DISK.unlink(new)
        descriptor = DISK.open(new, _FLAGS | os.O_EXCL, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            DISK.rename(new, self._path)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor = descriptor

    def _release(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the lock go."""
        self._release()
