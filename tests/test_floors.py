"""What the product's safety rests on in its libraries (S40): a version below, or a guard missing, is found here."""

from importlib.metadata import version

import openpyxl.xml
import pytest
from argon2 import PasswordHasher
from packaging.version import Version

from dashboard.people import accounts


@pytest.mark.parametrize(
    ("library", "least", "because"),
    [
        ("dash", "4.4.1", "before, anybody could end a background job of the server"),
        ("werkzeug", "3.0.6", "forms and files without bound"),
        ("flask", "3.1", "the size of a form's fields is bounded"),
        ("h11", "0.16", "requests smuggled behind a chunked one"),
        ("cryptography", "44.0.1", "the OpenSSL that it brings"),
        ("duckdb", "1.5.5", "the range that the lock is tested with"),
    ],
)
def test_a_library_is_not_older_than_what_it_must_be(library: str, least: str, because: str) -> None:
    assert Version(version(library)) >= Version(least), because


def test_workbooks_are_read_by_a_parser_that_follows_no_entities() -> None:
    assert openpyxl.xml.DEFUSEDXML


def test_passwords_are_hashed_at_the_cost_that_was_asked_for() -> None:
    """S20: argon2id, 19 MiB, two passes, one lane."""
    assert accounts.hash_password("ocho nubes verdes pasan").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert isinstance(accounts._HASHER, PasswordHasher)
