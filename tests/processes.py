"""The system as its users open it: `callcenter serve` of a site, with its processes, on a port of this computer."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import psutil


def within(seconds: float, found: Callable[[], object]) -> bool:
    """Whether something becomes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found():
            return True
        time.sleep(0.05)
    return False


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked for its exit code has, too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class System:
    """A parent process with its children, and how to reach them."""

    def __init__(self, data: Path, port: int, *words: str) -> None:
        self.data, self.port = data, port
        self.tls = "demo" not in words
        self.trust = ssl.create_default_context(cafile=data / "tls" / "authority.pem") if self.tls else None
        command = [sys.executable, "-P", "-m", "dashboard", "--data", str(data)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLCENTER_")}
        # A file, which never fills up as a pipe does that nobody reads.
        self._said = data.parent / f"{data.name}-{time.monotonic_ns()}.said"
        with self._said.open("w") as file:
            self.process = subprocess.Popen(
                [*command, *(words or ("serve", "--host", "127.0.0.1")), "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    @property
    def said(self) -> str:
        """All that was printed."""
        return self._said.read_text(encoding="utf-8")

    def is_healthy(self) -> bool:
        scheme = "https" if self.tls else "http"
        try:
            with urlopen(f"{scheme}://localhost:{self.port}/healthz", timeout=30, context=self.trust) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def child(self, verb: str) -> int | None:
        """The process that runs a verb."""
        try:
            for child in psutil.Process(self.process.pid).children():
                if verb in child.cmdline():
                    return child.pid
        except psutil.Error:
            pass
        return None

    def pids(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
