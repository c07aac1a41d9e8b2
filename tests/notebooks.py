"""Notebooks as tests read and run them: their cells, and their code in this process with other parameters."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = tuple(sorted((ROOT / "notebooks").glob("*.ipynb")))
#: Tags of cells: what a reader sets, what opens the store, what gives FIGURES.
PARAMETERS, SETUP, FIGURES = "parameters", "setup", "figures"


@dataclass(frozen=True)
class Cell:
    kind: str
    source: str
    tags: tuple[str, ...]


def content(path: Path) -> dict[str, Any]:
    """The file as it is committed."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def cells(path: Path, *tags: str) -> list[Cell]:
    """The cells of a notebook, or those that bear one of some tags."""
    found = [
        Cell(cell["cell_type"], "".join(cell["source"]), tuple(cell["metadata"].get("tags", ())))
        for cell in content(path)["cells"]
    ]
    return [cell for cell in found if not tags or set(tags) & set(cell.tags)]


def code(path: Path, *tags: str) -> list[str]:
    return [cell.source for cell in cells(path, *tags) if cell.kind == "code"]


def run(path: Path, *tags: str, **parameters: object) -> dict[str, Any]:
    """What the code of a notebook, or of its cells of some tags, leaves behind, with a reader's parameters changed."""
    names: dict[str, Any] = {}
    for cell in cells(path, *tags):
        if cell.kind == "code":
            exec(compile(cell.source, path.name, "exec"), names)
            if PARAMETERS in cell.tags:
                assert set(parameters) <= set(names)
                names |= parameters
    return names
