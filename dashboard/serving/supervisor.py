"""The parent of the system's processes: it starts them, starts again whichever dies, and takes them along when it ends.

In: commands. Out: processes that are there, until a signal; none that outlives its parent. A child's standard input is
a pipe from its parent: where it ends, whatever the reason, the child ends too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from dashboard.site.configuration import EXIT_CONFIGURATION, make_private_folder, write_private
from etl.settings import ZONE

_LOOK_SECONDS = 0.1
#: Who lived so long died by accident and is back at once; who died sooner waits, each time twice as long.
_LIVED_SECONDS = 10.0
_LONGEST_DELAY_SECONDS = 30.0
_LONGEST_KILLED_SECONDS = 1.0
#: SIGKILL, which not every system names.
_KILL = 9
#: For what is under way when all ends; after that the process is killed.
GOODBYE_SECONDS = 8.0


class AlreadyOpenError(Exception):
    """Another process has this store open; the message says which."""


@dataclass
class Child:
    """One process that is kept alive: what users call it, its command, and the file descriptors that it is given."""

    name: str
    command: Sequence[str]
    inherited: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    early_deaths: int = field(default=0, repr=False)


def keep_alive(children: Sequence[Child], *, environment: Mapping[str, str] | None = None) -> int:
    """Keep processes alive until SIGINT or SIGTERM; return the exit code: 0, or 78 where a child is set up wrongly.

    To be called from the main thread.
    """
    with _stopping() as stop:
        try:
            while not stop:
                for child in children:
                    if child.process is not None and (code := child.process.poll()) is not None:
                        if code == EXIT_CONFIGURATION:
                            return code
                        _note_death(child, code)
                    if child.process is None and time.monotonic() >= child.due:
                        _start(child, environment)
                time.sleep(_LOOK_SECONDS)
        finally:
            _end(children)
    return 0


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the lock of whoever has a store open (freed by the kernel when it dies). AlreadyOpenError."""
    make_private_folder(data)
    holder = data / ".serve-holder"
    lock = FileLock(data / ".serve.lock", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = holder.read_text(encoding="utf-8") if holder.exists() else "otro proceso"
        raise AlreadyOpenError(
            f"El sistema de {data} ya está abierto ({who}): ciérrelo antes de abrirlo otra vez."
        ) from None
    try:
        since = datetime.now(UTC).astimezone(ZONE)
        write_private(holder, f"proceso {os.getpid()}, desde {since:%d/%m/%Y %H:%M:%S}".encode())
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def follow_parent() -> None:
    """End this process when its parent does: softly by a signal, and by force if that takes too long."""

    def watch() -> None:
        while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 1024):
            pass
        if sys.platform == "win32":
            signal.raise_signal(signal.SIGTERM)
        else:  # to the process, so that a main thread that sleeps wakes up for it
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GOODBYE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _start(child: Child, environment: Mapping[str, str] | None) -> None:
    # A group of its own: Ctrl+C is for the parent, who then ends all in order.
    if sys.platform == "win32":
        child.process = subprocess.Popen(
            child.command, stdin=subprocess.PIPE, env=environment, creationflags=subprocess.CREATE_NEW_PROCESS_GROUP
        )
    else:
        child.process = subprocess.Popen(
            child.command,
            stdin=subprocess.PIPE,
            env=environment,
            start_new_session=True,
            pass_fds=tuple(child.inherited),
        )
    child.started = time.monotonic()


def _note_death(child: Child, code: int) -> None:
    """Say that a child died and when it is started again."""
    _close(child)
    lived = time.monotonic() - child.started
    child.early_deaths = child.early_deaths + 1 if lived < _LIVED_SECONDS else 0
    delay = delay_after(child.early_deaths, killed=code == -_KILL)
    child.due = time.monotonic() + delay
    why = f"señal {-code}" if code < 0 else f"código {code}"
    when = f"en {delay:.0f} s" if delay else "de inmediato"
    print(f"{child.name}: terminó sin que se le pidiera ({why}); se abre de nuevo {when}.", file=sys.stderr, flush=True)


def delay_after(early_deaths: int, *, killed: bool = False) -> float:
    """Return the seconds to wait after so many deaths, one soon after another: none for the first.

    Whoever was killed from outside had no fault of its own: people wait for it, and a second is the most.
    """
    longest = _LONGEST_KILLED_SECONDS if killed else _LONGEST_DELAY_SECONDS
    return 0.0 if early_deaths < 2 else min(longest, 2.0 ** (early_deaths - 2))


def _end(children: Sequence[Child]) -> None:
    """Ask all children to end, and kill who does not."""
    running = [child.process for child in children if child.process is not None]
    for child in children:
        if child.process is not None and child.process.stdin is not None:
            child.process.stdin.close()
    until = time.monotonic() + GOODBYE_SECONDS
    for process in running:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _close(child: Child) -> None:
    if child.process is not None and child.process.stdin is not None:
        child.process.stdin.close()
    child.process = None


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Give a list that is empty until a signal asks to stop."""
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    signals = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        signals.append(signal.SIGBREAK)
    before = {number: signal.signal(number, note) for number in signals}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
