"""Which right each work of the worker needs: of whoever asks for it, and once more when it is done."""

from __future__ import annotations

LOAD_FILES, UNDO_LOAD, EDIT_MAPPING = "load_files", "undo_load", "edit_mapping"
#: By the work; an export asks for the right of its page, and what the worker does of itself needs none.
RIGHTS = {
    "check": LOAD_FILES,
    "load": LOAD_FILES,
    "inbox": LOAD_FILES,
    "undo": UNDO_LOAD,
    "mapping": EDIT_MAPPING,
}
