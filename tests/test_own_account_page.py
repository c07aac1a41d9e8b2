"""The page Mi cuenta: one's own sessions, and nobody else's."""

import pytest
from sqlalchemy.orm import Session

from dashboard.pages import own_account
from dashboard.people import administration
from dashboard.people.accounts import Role
from dashboard.people.sessions_table import browser_text
from dashboard.security.identity import current
from etl.records.models import SignIn
from reports import terms
from tests.house import EVIL, House, end, told
from tests.people import account_of, asking_as
from tests.served import texts


@pytest.mark.parametrize("role", Role)
def test_everybody_sees_their_own_sessions_and_this_one_is_marked(role: Role, house: House) -> None:
    """S21."""
    house.session_of(account_of(house.context.records, role).account_id)
    with asking_as(house.context, role):
        drawn = texts(own_account.content(house.context, current()))
    assert f"cuenta.{role}" in drawn and terms.ROLES[role] in drawn
    assert drawn.count("esta sesión") == 1 and "Firefox 128" in drawn and "10.0.0.9" in drawn


def test_one_ends_one_s_own_sessions_and_nobody_else_s(house: House) -> None:
    mine = house.session_of(account_of(house.context.records, Role.MANAGER).account_id)
    others = house.session_of(house.new("vecina"))
    assert "Esa sesión terminó" in told(end(house, Role.MANAGER, str(mine)))
    assert "no es suya" in told(end(house, Role.MANAGER, str(others)))
    for nothing in ("", "-1", "x", "99999999999999", "1;2"):
        assert end(house, Role.MANAGER, nothing).status_code in (200, 204)
    with Session(house.context.records) as session:
        assert session.get_one(SignIn, mine).ended_at is not None
        assert session.get_one(SignIn, others).ended_at is None


def test_all_the_other_sessions_end_and_this_one_stays(house: House) -> None:
    own = account_of(house.context.records, Role.OPERATOR).account_id
    house.client(Role.OPERATOR)
    for _ in range(3):
        house.session_of(own)
    assert "Terminaron" in told(end(house, Role.OPERATOR, "others"))
    assert house.client(Role.OPERATOR).get("/mi-cuenta").status_code == 200
    with asking_as(house.context, Role.OPERATOR):
        assert len(administration.sessions_of(house.context, current(), own)) == 2  # this one, and the client's


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0 Safari/537.36 Edg/131.0", "Edge 131, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox 128, Linux"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome 130, Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/17.4 Safari/605", "Safari 17, Mac"),
        (EVIL, EVIL),
        ("", terms.BLANK),
    ],
)  # fmt: skip
def test_a_browser_is_told_as_people_know_it(agent: str, says: str) -> None:
    assert browser_text(agent) == says
