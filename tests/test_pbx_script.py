"""The script that brings logs from the exchange: nothing lost or doubled whatever rotates or breaks meanwhile.

It runs in each shell that is here. What stands in front of a program (`dd`, `ssh`) in the path rotates the log, or cuts
the connection, at a moment that the test chooses, and then does what the program does.
"""

import bz2
import gzip
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from etl.follow import is_piece
from tests.commands import done
from tests.drawn_log import answered, ingest, loaded, log
from tests.product import Product

pytestmark = [
    pytest.mark.shell,
    pytest.mark.skipif(os.name == "nt", reason="a script for sh, which is not there; exchanges are Unix machines"),
]
SCRIPT = Path(__file__).parents[1] / "etl" / "pbx" / "copy_queue_log.sh"
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
#: The programs that read the log, at whose n-th call it may be rotated.
_READERS = ("dd", "head", "ls")


def shell_words(name: str) -> list[str]:
    words = SHELLS[name]
    if shutil.which(words[0]) is None:
        pytest.skip(f"no {words[0]} here")
    return words


def lines(first: int, calls: int) -> bytes:
    """The lines of some calls, enough for more than one block of a file."""
    return log(*[text for n in range(first, first + calls) for text in answered(n * 100, str(n))])


@dataclass
class Exchange:
    """An exchange with its logs, a target, and the programs that the script meets."""

    folder: Path
    shell: list[str]

    def __post_init__(self) -> None:
        for each in ("logs", "target", "programs"):
            (self.folder / each).mkdir()
        (self.folder / "target" / ".callcenter-destino").touch()
        self.program("logger", 'shift 2; echo "$*" >>"$SAID"')
        self.live = self.folder / "logs" / "queue_log"
        self.target = str(self.folder / "target")

    def program(self, name: str, text: str) -> None:
        path = self.folder / "programs" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def rotate_at(self, call: int, how: str) -> None:
        """Have the log rotated before a program reads for the n-th time; the new one has a line at once."""
        logs = self.folder / "logs"
        new = lines(500, 1).decode().splitlines()[0]
        rotation = {
            "rename": f"mv {logs}/queue_log {logs}/queue_log.1; echo '{new}' >{logs}/queue_log",
            "copytruncate": f"cp {logs}/queue_log {logs}/queue_log.1; echo '{new}' >{logs}/queue_log",
            "gzip": f"mv {logs}/queue_log {logs}/queue_log-20240306; {shutil.which('gzip')} {logs}/queue_log-20240306; "
            f"echo '{new}' >{logs}/queue_log",
        }[how]
        count = self.folder / "calls"
        count.write_text("")
        for name in _READERS:
            once = f"[ $(wc -l <{count}) -ge {call} ] && mkdir {count}.once 2>/dev/null"
            self.program(name, f'echo . >>{count}; {once} && {{ {rotation}; }}\nexec {shutil.which(name)} "$@"')

    def leave_alone(self) -> None:
        for name in _READERS:
            (self.folder / "programs" / name).unlink(missing_ok=True)

    def run(self, **settings: str) -> int:
        environment = {
            "PATH": f"{self.folder / 'programs'}:{os.environ['PATH']}", "LOGS": str(self.folder / "logs"),
            "TARGET": self.target, "STATE": str(self.folder / "state"), "SAID": str(self.folder / "said"),
            "COPY_QUEUE_LOG_CONF": str(self.folder / "none"),
        }  # fmt: skip
        words = [*self.shell, str(SCRIPT)]
        return subprocess.run(words, env=environment | settings, check=False, timeout=60).returncode

    @property
    def said(self) -> str:
        path = self.folder / "said"
        return path.read_text() if path.exists() else ""

    def copied(self) -> list[bytes]:
        """What the target holds, unpacked, in the order of its logs."""
        found = []
        for path in sorted((self.folder / "target").iterdir()):
            if not path.name.startswith("."):
                assert is_piece(path.name, "queue_log")
                found.append(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        return found

    def logs(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "logs").iterdir()}


@pytest.fixture(params=["dash", "bash"])
def exchange(request: pytest.FixtureRequest, tmp_path: Path) -> Exchange:
    """An exchange whose shell meets the programs that the test puts in its way."""
    return Exchange(tmp_path, shell_words(request.param))


@pytest.fixture(params=SHELLS)
def any_exchange(request: pytest.FixtureRequest, tmp_path: Path) -> Exchange:
    """An exchange of any shell; busybox is its own `dd`, `logger` and so on."""
    return Exchange(tmp_path, shell_words(request.param))


def test_closed_pieces_are_copied_once_and_the_live_log_by_its_growth(exchange: Exchange) -> None:
    old, closed, live = lines(0, 30), lines(100, 40), lines(200, 60)
    (exchange.folder / "logs" / "queue_log-20240304.gz").write_bytes(gzip.compress(old))
    (exchange.folder / "logs" / "queue_log.1").write_bytes(closed)
    exchange.live.write_bytes(live[:7001])
    before = exchange.logs()
    assert exchange.run() == 0, exchange.said
    assert exchange.logs() == before
    assert exchange.copied() == [old, closed, live[:7001]]
    packed = len(gzip.compress(old))
    assert exchange.said == f"copiados {packed + len(closed) + 7001} bytes de 3 registros\n"
    exchange.live.write_bytes(live)
    assert exchange.run() == exchange.run() == 0
    assert exchange.copied() == [old, closed, live]
    assert exchange.said.splitlines()[1:] == [f"copiados {len(live) - 7001} bytes de 1 registros"]


def test_names_that_shift_and_pieces_that_are_packed_are_known_again(any_exchange: Exchange) -> None:
    exchange = any_exchange
    first, second = lines(0, 50), lines(100, 20)
    logs = exchange.folder / "logs"
    exchange.live.write_bytes(first[:5000])
    assert exchange.run() == 0
    # Rotated and packed between two runs, after it had grown; a copy of the same beside it, and one half made.
    (logs / "queue_log.2.gz").write_bytes(gzip.compress(first))
    (logs / "queue_log.1").write_bytes(first)
    (logs / "queue_log-20240305").write_bytes(first[:3000])
    exchange.live.write_bytes(second)
    assert exchange.run() == 0, exchange.said
    assert exchange.copied() == [first, second]


@pytest.mark.parametrize("how", ["rename", "copytruncate", "gzip"])
def test_a_rotation_at_any_moment_loses_and_mixes_nothing(how: str, exchange: Exchange, tmp_path: Path) -> None:
    for moment in (1, 2, 4, 7, 10, 14) if exchange.shell == ["dash"] else (3, 9):
        (folder := tmp_path / f"{moment}").mkdir()
        turned = Exchange(folder, exchange.shell)
        whole = lines(0, 60)
        turned.live.write_bytes(whole[:6000])
        assert turned.run() == 0
        turned.live.write_bytes(whole)
        turned.rotate_at(moment, how)
        turned.run()
        turned.leave_alone()
        assert turned.run() == 0, (moment, turned.said)
        expected = [whole, turned.live.read_bytes()] if turned.live.read_bytes() != whole else [whole]
        assert turned.copied() == expected, moment


def over_ssh(exchange: Exchange, least: str) -> dict[str, str]:
    """A remote shell that is one of this machine, and takes no more than so many bytes of what is sent."""
    exchange.program("ssh", f'while [ $# -gt 2 ]; do shift; done; head -c {least} | sh -c "$2"; exit $GONE')
    return {"TARGET": f"callcenter@servidor:{exchange.target}", "GONE": "0"}


def test_a_connection_that_breaks_goes_on_where_it_stood(exchange: Exchange) -> None:
    whole, old = lines(0, 60), lines(100, 400)
    (exchange.folder / "logs" / "queue_log.1").write_bytes(lines(90, 1) + old)
    (exchange.folder / "logs" / "queue_log.2.gz").write_bytes(gzip.compress(old))
    exchange.live.write_bytes(whole)
    settings = over_ssh(exchange, "3000")
    assert exchange.run(**settings) == 1
    assert "se sigue la próxima vez" in exchange.said
    assert not any(path.suffix == ".gz" for path in Path(exchange.target).iterdir())
    over_ssh(exchange, "4500")
    assert exchange.run(**settings) == 1
    over_ssh(exchange, "999999999")
    assert exchange.run(**settings) == 0, exchange.said
    assert sorted(exchange.copied()) == sorted([lines(90, 1) + old, old, whole])


def test_a_target_that_does_not_answer_is_told_and_nothing_is_marked_as_copied(exchange: Exchange) -> None:
    exchange.live.write_bytes(lines(0, 3))
    exchange.program("ssh", "exit 255")
    assert exchange.run(TARGET="callcenter@servidor:/registros") == 1
    assert "no contesta" in exchange.said and exchange.copied() == []
    assert exchange.run() == 0
    assert exchange.copied() == [lines(0, 3)]


def test_a_piece_that_cannot_be_unpacked_is_told_and_brought_when_it_can(exchange: Exchange) -> None:
    packed = exchange.folder / "logs" / "queue_log-20240304.bz2"
    packed.write_bytes(bz2.compress(lines(0, 3)))
    exchange.program("bzip2", "exit 127")
    assert exchange.run() == 1
    assert f"{packed}: falta en la central el programa" in exchange.said
    exchange.program(
        "bzip2", f'exec {sys.executable} -c \'import bz2,sys; print(end=bz2.open(sys.argv[2],"rt").read())\' "$@"'
    )
    packed.write_bytes(bz2.compress(lines(0, 3))[:-20])
    assert (exchange.run(), exchange.copied()) == (0, [])
    assert f"{packed}: todavía incompleta" in exchange.said
    packed.write_bytes(bz2.compress(lines(0, 3)))
    assert (exchange.run(), exchange.copied()) == (0, [lines(0, 3)])


def test_a_share_that_is_not_mounted_is_not_filled(exchange: Exchange) -> None:
    (exchange.folder / "target" / ".callcenter-destino").unlink()
    exchange.live.write_bytes(lines(0, 3))
    assert exchange.run() == 1
    assert "¿está montado?" in exchange.said
    assert list((exchange.folder / "target").iterdir()) == []


def test_two_at_once_do_not_meet_and_a_lock_left_behind_is_taken(any_exchange: Exchange) -> None:
    exchange = any_exchange
    exchange.live.write_bytes(lines(0, 3))
    lock = exchange.folder / "state" / "lock"
    lock.mkdir(parents=True)
    # Another copy at work, by its number and its name.
    with subprocess.Popen(["sh", "-c", "read answer", SCRIPT.name], stdin=subprocess.PIPE) as other:
        (lock / "pid").write_text(f"{other.pid}\n")
        assert exchange.run() == 0
        assert exchange.copied() == [] and lock.exists()
    assert exchange.run() == 0
    assert exchange.copied() == [lines(0, 3)]
    assert not lock.exists()


def test_a_large_growth_goes_in_parts_wherever_they_end(any_exchange: Exchange) -> None:
    exchange = any_exchange
    whole = lines(0, 9000)
    assert len(whole) > 1048576
    exchange.live.write_bytes(whole[:5000])
    assert exchange.run(CHUNK_MB="1") == 0
    exchange.live.write_bytes(whole)
    assert exchange.run(CHUNK_MB="1") == 0, exchange.said
    assert exchange.copied() == [whole]


def test_what_was_brought_counts_as_the_log_itself(exchange: Exchange, product: Product) -> None:
    first, second = lines(0, 20), lines(20, 10)
    exchange.live.write_bytes(first[:1500])
    exchange.run()
    ingest(product, *sorted(Path(exchange.target).glob("queue_log*")))
    exchange.live.rename(exchange.live.with_name("queue_log.1"))
    exchange.live.with_name("queue_log.1").write_bytes(first)
    exchange.live.write_bytes(second)
    exchange.run()
    ingest(product, *sorted(Path(exchange.target).glob("queue_log*")))
    assert product.counted() == loaded(exchange.folder / "whole", first + second).counted()
    assert product.rows("SELECT SUM(duplicates) FROM meta.loads") == [(0,)]


def test_the_command_gives_the_script_out(tmp_path: Path) -> None:
    out = tmp_path / "copiar.sh"
    done(tmp_path / "data", "pbx-script", "--out", out)
    assert out.read_bytes() == SCRIPT.read_bytes()
    assert os.access(out, os.X_OK)
    assert done(tmp_path / "data", "pbx-script") == SCRIPT.read_text()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck: install Debian's package")
def test_shellcheck_finds_nothing() -> None:
    subprocess.run(["shellcheck", "--shell=sh", str(SCRIPT)], check=True)
