"""Every notebook runs from top to bottom without internet, and says what `reports` says: no formula of its own."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import IPython.display
import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from etl import pipeline
from etl import store as stores
from etl.settings import Settings
from etl.warehouse import open_generation
from reports import terms
from reports.definition import PeriodError, month
from reports.figures import said_of
from reports.format import number_text, percent_text
from reports.query import QueryError, measure
from reports.rules import Rules
from tests.commands import GOOD
from tests.notebooks import NOTEBOOKS, PARAMETERS, ROOT, cells, code, content, run
from tests.test_words import banned_words

NBFORMAT: Any = nbformat  # its functions have no types
MAY_IMPORT = {"datetime", "os", "pathlib", "pandas", "plotly", "IPython", "etl", "reports"}
# A module that Python imports before anything else; it lets the kernel talk to this computer only.
OFFLINE = """
import sys

def hook(event, args):
    if event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in ("127.0.0.1", "::1"):
        raise OSError(f"no internet here: {args[1]}")
    if event == "socket.getaddrinfo" and args[0] not in (None, "", "127.0.0.1", "::1", "localhost"):
        raise OSError(f"no internet here: {args[0]}")

sys.addaudithook(hook)
"""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_notebooks_are_numbered() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(1, len(NOTEBOOKS) + 1)]
    assert NOTEBOOKS
    assert all(re.fullmatch(r"\d\d(-[a-z0-9]+)+\.ipynb", path.name) for path in NOTEBOOKS)


@each_notebook
def test_a_notebook_is_committed_without_outputs_counts_and_machine(path: Path) -> None:
    found = content(path)
    assert found["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in found["cells"]:
        assert set(cell["metadata"]) <= {"tags"}
        assert cell["cell_type"] != "code" or (cell["outputs"], cell["execution_count"]) == ([], None)
    text = path.read_text(encoding="utf-8")
    saved = NBFORMAT.writes(NBFORMAT.reads(text, as_version=4))
    assert text == saved + "\n", "as Jupyter saves it"
    assert not re.search(r"(?<![A-Za-z])[A-Za-z]:\\\\|(?<![\w.}])/(?:home|root|tmp|work|Users|mnt|opt|var|usr)/", text)


@each_notebook
def test_a_notebook_defines_no_figure(path: Path) -> None:
    """It imports what measures and what draws; it divides, averages and asks the store for nothing itself."""
    assert len(cells(path, PARAMETERS)) == 1
    for source in code(path):
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Import(names=names):
                    assert {name.name.partition(".")[0] for name in names} <= MAY_IMPORT
                case ast.ImportFrom(module=module):
                    assert str(module).partition(".")[0] in MAY_IMPORT
                case ast.BinOp(op=op):
                    assert not isinstance(op, ast.Div | ast.FloorDiv), ast.unparse(node)
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    assert name not in ("Indicator", "execute", "sql", "mean", "div", "divide", "truediv", "pct_change")


@each_notebook
def test_a_notebook_speaks_in_our_words(path: Path) -> None:
    found = []
    for number, cell in enumerate(cells(path)):
        text = cell.source if cell.kind == "code" else f"text = {cell.source!r}"
        found += [f"cell {number}: {line}" for line in banned_words(text, every_literal=True)]
    assert not found, "\n".join(found)


def test_a_reader_is_told_of_every_parameter() -> None:
    for path in NOTEBOOKS:
        (parameters,) = code(path, PARAMETERS)
        names = [target.id for node in ast.parse(parameters).body if isinstance(node, ast.Assign)
                 for target in node.targets if isinstance(target, ast.Name)]  # fmt: skip
        first = cells(path)[0]
        assert first.kind == "markdown" and names and all(f"| `{name}` |" in first.source for name in names)


# Executed as a reader does, in a kernel of its own.


def executed(path: Path, folder: Path) -> Any:
    """The notebook after a run in this very Python, in `folder`, without internet."""
    notebook = NBFORMAT.read(path, as_version=4)
    manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(
        notebook, km=manager, timeout=120, startup_timeout=120, resources={"metadata": {"path": str(folder)}}
    )
    client.execute(cleanup_kc=True)
    return notebook


@pytest.fixture
def kernel_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run in; nothing of the user's own Jupyter is read or written."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(OFFLINE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{ROOT}")
    monkeypatch.delenv("PLOTLY_RENDERER", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@each_notebook
def test_a_notebook_runs_offline_without_error_or_warning(
    path: Path, sample: Settings, kernel_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLCENTER_DATA", str(sample.data))
    notebook = executed(path, kernel_home)
    shown = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error" and output.get("name") != "stderr", output
            shown += [output.text] if output.output_type == "stream" else [str(text) for text in output.data.values()]
    told = "\n".join(shown)
    assert not re.search(r"(?:src|href)\s*=\s*\\?[\"']?(?:https?:)?//", told), "nothing is fetched when it is opened"
    assert list(kernel_home.iterdir()) == []
    _, connection = open_generation(sample.warehouse)
    with connection:
        frame = measure(connection, Rules.default(), ["service_level"], month("2026-10"))
    ((n, of, value),) = frame[["numerator", "denominator", "value"]].itertuples(index=False)
    for text in (percent_text(value), number_text(n), number_text(of), repr(value), said_of(value, n, of)):
        assert text in told
    drawn = [output for cell in notebook.cells for output in cell.get("outputs", ())
             if "application/vnd.plotly.v1+json" in output.get("data", {})]  # fmt: skip
    assert len(drawn) == sum(source.count("drawn(figures.") for source in code(path)) == 3


# Run in this process with other parameters.


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a notebook displays from within its cells, as text."""
    shown: list[str] = []
    monkeypatch.setattr(IPython.display, "display", lambda each: shown.append(str(getattr(each, "data", each))))
    return shown


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data = tmp_path_factory.mktemp("demo")
    store = stores.open_store(Settings(data=data), kind=stores.DEMO)
    pipeline.ingest(store, [GOOD])
    yield data
    store.records.dispose()


@each_notebook
def test_invented_data_are_told_first(path: Path, demo: Path, site: Path, told: list[str]) -> None:
    run(path, DATA=demo)["connection"].close()
    assert told[0].startswith(f"# {terms.DEMO_DATA}")
    told.clear()
    run(path, DATA=site)["connection"].close()
    assert not any(terms.DEMO_DATA in text for text in told)


@each_notebook
@pytest.mark.parametrize(
    "parameters",
    [
        {"WHERE": {"service": "101"}, "UNIT": "visit"},
        {"WHERE": {"service": ["101", terms.NO_LINE]}, "UNIT": "call"},
        {"WHERE": {"service": "104"}},
        {"WHERE": {"weekday": "2", "hour": ["08", "09"]}},
        {"WHERE": {"queue": "101"}, "UNIT": None},
    ],
    ids=str,
)
def test_a_notebook_takes_every_filter_and_unit(
    path: Path, parameters: dict[str, Any], site: Path, told: list[str]
) -> None:
    names = run(path, DATA=site, MONTH="2024-03", **parameters)
    names["connection"].close()
    assert "service_level" in list(names["FIGURES"]["indicator"])
    assert list(names["FIGURES"]) == ["indicator", "numerator", "denominator", "value"]


@each_notebook
@pytest.mark.parametrize(
    ("parameters", "error", "says"),
    [
        ({"MONTH": "2031-01"}, PeriodError, "No hay registro de enero de 2031; hay de 2024-03"),
        ({"MONTH": "octubre"}, PeriodError, "«octubre» no es un mes"),
        ({"UNIT": "llamada"}, QueryError, "No existe la unidad «llamada»"),
        ({"WHERE": {"service": "105"}}, QueryError, "No hay línea «105»"),
        ({"WHERE": {"cause": "colgó"}}, QueryError, "causa"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_told(
    path: Path, parameters: dict[str, Any], error: type[Exception], says: str, site: Path
) -> None:
    with pytest.raises(error, match=re.escape(says)):
        run(path, DATA=site, **parameters)


@each_notebook
def test_a_folder_without_a_store_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(stores.StoreError, match="no hay un almacén"):
        run(path, DATA=tmp_path)
