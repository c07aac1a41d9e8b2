"""The pages of a long list: which is shown, and where the others are."""

import pytest

from dashboard.paging import page_asked, page_links, page_shown


@pytest.mark.parametrize(
    ("text", "number", "shown"),
    [("1", 0, (1, 1)), ("2", 101, (2, 2)), ("3", 200, (2, 2)), (None, 1, (1, 1)), ("0", 500, (1, 5)), ("²", 5, (1, 1)),
     ("9" * 40, 500, (1, 5)), ("-1", 500, (1, 5)), ("999999999", 500, (5, 5))],
)  # fmt: skip
def test_what_is_no_page_is_the_first_and_beyond_the_last_is_the_last(
    text: str | None, number: int, shown: tuple[int, int]
) -> None:
    assert page_shown(text, number) == shown
    assert page_asked(text) >= 1


def test_the_way_leads_to_the_other_pages_and_never_to_this_one() -> None:
    def hrefs(page: int, pages: int) -> dict[str, str]:
        links = page_links(page, pages, lambda other: f"?pagina={other}")
        return {each.children: each.href for nav in links for each in nav.children if hasattr(each, "href")}

    assert hrefs(1, 1) == {}
    assert hrefs(1, 3) == {"Siguiente": "?pagina=2", "Última": "?pagina=3"}
    assert hrefs(2, 3) == {
        "Primera": "?pagina=1", "Anterior": "?pagina=1", "Siguiente": "?pagina=3", "Última": "?pagina=3",
    }  # fmt: skip
    (nav,) = page_links(2, 3, lambda _other: None)
    assert [each.children for each in nav.children] == ["Página 2 de 3"], "for who may not open them"
