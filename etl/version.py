"""Which version of the product runs, as generations and backups keep it."""

from importlib.metadata import PackageNotFoundError, version


def code_version() -> str:
    """Return the version of the product that runs."""
    try:
        return version("comteco-callcenter")
    except PackageNotFoundError:
        return "0"
