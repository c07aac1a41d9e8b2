"""A thread that may do to files only what their modes say, in whatever account the tests run."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Version 3 of the header of capget and capset: 64 capabilities, two words each of effective, permitted, inheritable.
_VERSION = 0x20080522
#: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: to read, write and enter whatever the modes forbid.
_READS_ALL = 1 << 1 | 1 << 2


@contextmanager
def modes_hold() -> Iterator[None]:
    """Let the modes of files hold for this thread, of root too: Linux puts by the capabilities that pass over them."""
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    held = (ctypes.c_uint32 * 6)()
    if libc.capget(header, held):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    kept = (ctypes.c_uint32 * 6)(*held)
    kept[0] &= ~_READS_ALL
    if libc.capset(header, kept):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        yield
    finally:
        libc.capset(header, held)
