"""What the log says of a failure: its kind and where it came through, never its words: they may hold personal data.

In: an exception. Out: text for the log.
"""

from __future__ import annotations


def places_of(error: BaseException) -> str:
    """Return the kind of an error and where it came through, without what it says."""
    lines, trace = [type(error).__name__], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"  {code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return "\n".join(lines)
