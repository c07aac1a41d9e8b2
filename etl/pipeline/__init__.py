"""land -> read -> validate -> load -> build -> check -> publish; the only room that knows all of them.

What the rest of the product asks of it is named here; how it is done stands in its modules.
"""

from etl.pipeline.file_reports import FileReport, move_strays, tell_landed
from etl.pipeline.forgetting import forget_texts, texts_are_due
from etl.pipeline.loading import ingest, rebuild, remap
from etl.pipeline.recovery import drop_landed, is_unfinished
from etl.pipeline.undoing import Undoable, UndoError, is_undone, loads_undone_with, undo, was_undone

__all__ = [
    "FileReport",
    "UndoError",
    "Undoable",
    "drop_landed",
    "forget_texts",
    "ingest",
    "is_undone",
    "is_unfinished",
    "loads_undone_with",
    "move_strays",
    "rebuild",
    "remap",
    "tell_landed",
    "texts_are_due",
    "undo",
    "was_undone",
]
