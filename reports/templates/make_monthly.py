"""The first draft of monthly.xlsx: headings, styles, widths, print set-up, and the names of the places for values.

In: the path to write to. Out: a template. The file in git is the source of truth: COMTECO changes it in Excel, and this
script, which would undo that, is only for starting anew: python -m reports.templates.make_monthly FILE
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import absolute_coordinate, get_column_letter, quote_sheetname
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.worksheet import Worksheet

from reports.definition import ValueUnit
from reports.figures import LIGHT
from reports.format import EXCEL_FORMATS
from reports.summary import TREND_MONTHS
from reports.workbook import sheets
from reports.workbook.template import DATE_FORMAT, PLAIN_NUMBER, TIME_FORMAT

_HEADING = "COMTECO R.L. · Call Center"
_TEXT, _QUIET, _LINE, _ACCENT, _GOOD, _BAD = (
    colour.removeprefix("#") for colour in (LIGHT.text, LIGHT.quiet, LIGHT.line, LIGHT.accent, LIGHT.good, LIGHT.bad)
)
_DEMO, _DEMO_GROUND = "3D3200", "FFE08A"
_COUNT, _PERCENT, _SECONDS = (EXCEL_FORMATS[unit] for unit in (ValueUnit.COUNT, ValueUnit.PERCENT, ValueUnit.SECONDS))
_LETTER = 1
_LAST_HEIGHT = 32  # the last row of the summary whose height is set
_LEFT, _RIGHT = "left", "right"
_SIGNATURES = ("Elaborado por", "Revisado por", "Vº Bº")
# The columns that three tables share, in the order of the pages: end of the name, heading, width, number format.
_FIGURES = (
    ("registradas", "Registradas", 12, _COUNT),
    ("atendidas", "Atendidas", 10, _COUNT),
    ("a_tiempo", "Atendidas a tiempo", 10, _COUNT),
    ("nivel", "Nivel de servicio", 9, _PERCENT),
    ("abandonadas", "Abandonadas", 12.5, _COUNT),
    ("tasa_abandono", "Tasa de abandono", 9.5, _PERCENT),
    ("espera", "Espera promedio", 9.5, _SECONDS),
)
_VERDICT = (("cumple", "Cumplimiento", 14, None), ("faltaron", "Faltaron", 10, _COUNT))

Column = tuple[str, str, float, str | None]


def make(path: Path) -> None:
    """Write the template."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for style, font, fill in (
        (sheets.GOOD_STYLE, _font(bold=True, colour=_GOOD), PatternFill()),
        (sheets.BAD_STYLE, _font(bold=True, colour=_BAD), PatternFill()),
        (sheets.BLANK_STYLE, _font(italic=True, colour=_QUIET), PatternFill()),
        (sheets.NOTE_STYLE, _font(size=9.5, colour=_QUIET), PatternFill()),
        (sheets.DEMO_STYLE, _font(bold=True, colour=_DEMO), PatternFill("solid", fgColor=_DEMO_GROUND)),
    ):
        book.add_named_style(NamedStyle(style, font=font, fill=fill))
    _summary(book)
    lines: list[Column] = [("numero", "Línea", 12, PLAIN_NUMBER), ("nombre", "Nombre", 27, None)]
    lines += [*_FIGURES[:4], *_VERDICT, *_FIGURES[4:]]
    _table(book, sheets.BY_LINE, "linea", lines, "numero", 24, (
        "«Faltaron»: atendidas a tiempo que le faltaron a cada línea para la meta. No suman lo que le faltó al total, "
        "porque unas líneas compensan a otras.",
        "«Sin registro»: ningún archivo cargado dice algo de esa línea; no es cero. «Sin llamadas»: su cola existe y "
        "nadie llamó. «Sin línea»: entraron por colas que todavía no se asignaron; cuentan en el total.",
    ), landscape=True)  # fmt: skip
    _table(book, sheets.BY_DAY, "dia", [("desde", "Fecha", 11, DATE_FORMAT), ("nombre", "Día", 10.5, None), *_FIGURES],
           "desde", 19, ("El total suma los días y se divide una sola vez: no promedia porcentajes. «Sin registro»: "
                         "ningún archivo cargado cubre ese día; no es cero.",))  # fmt: skip
    _table(book, sheets.BY_INTERVAL, "hora", [("desde", "Media hora desde", 11, TIME_FORMAT), *_FIGURES], "desde", 14.5,
           ("Todos los días del mes juntos, por la hora de La Paz en que la llamada entró a la cola.",))  # fmt: skip
    _definitions(book)
    book.save(path)


def _summary(book: Workbook) -> None:
    widths = (26, 11, 12, 9.5, 11, 12, 9.5, 2, 10, 9.5, 11.5, 9, 8.5, 14)
    sheet = _sheet(book, sheets.SUMMARY, "resumen", widths, "I1:J1", landscape=True, one_page=True)
    for row in range(1, _LAST_HEIGHT + 1):
        sheet.row_dimensions[row].height = 16
    for row in (4, 30):
        sheet.row_dimensions[row].height = 9
    for row in range(6, 15):
        sheet.row_dimensions[row].height = 23
    month = sheet["A2"]
    month.font = _font(size=20, bold=True)
    sheet.row_dimensions[2].height = 28
    _name(book, sheet, "resumen_mes", "A2")
    _name(book, sheet, "resumen_alcance", "A3")
    _section(sheet, 5, 1, 7, "Nivel de servicio")
    _section(sheet, 5, 9, 14, "Nivel de servicio por mes")
    _name(book, sheet, "tendencia_texto", "I6", font=_font(size=9, colour=_QUIET))
    sheet.merge_cells("A6:A8")
    _name(book, sheet, "nivel_valor", "A6", font=_font(size=34, bold=True), number_format=_PERCENT,
          alignment=Alignment(_LEFT, "center"))  # fmt: skip
    _name(book, sheet, "nivel_veredicto", "B6", font=_font(size=12, bold=True))
    _name(book, sheet, "nivel_meta", "B7", font=_font(colour=_QUIET))
    _name(book, sheet, "nivel_brecha", "B8")
    for row, name in ((9, "nivel_a_tiempo"), (10, "nivel_registradas")):
        _name(book, sheet, f"{name}_texto", f"B{row}")
        _name(book, sheet, name, f"A{row}", font=_font(bold=True), number_format=_COUNT, alignment=Alignment(_LEFT))
    _name(book, sheet, "nivel_mes_anterior", "A12", font=_font(colour=_QUIET))
    _name(book, sheet, "nivel_gestion_anterior", "A13", font=_font(colour=_QUIET))
    _name(book, sheet, "tendencia_grafico", "I7:N14")
    top, first, last = 16, 17, 16 + TREND_MONTHS
    _section(sheet, top - 1, 1, 1, "Cifras del mes")
    for name, letters in (("cifras_mes", "BD"), ("cifras_mes_anterior", "EG")):
        sheet.merge_cells(f"{letters[0]}{top - 1}:{letters[1]}{top - 1}")
        _section(sheet, top - 1, ord(letters[0]) - 64, ord(letters[1]) - 64)
        _name(book, sheet, name, f"{letters[0]}{top - 1}", font=_font(bold=True), alignment=Alignment("center"))
    _section(sheet, top - 1, 9, 14, "Mes por mes")
    _headings(sheet, top, 1, ("Cifra", "Numerador", "Denominador", "Valor", "Numerador", "Denominador", "Valor"))
    _headings(sheet, top, 9, ("Mes", "A tiempo", "Registradas", "Nivel", "Meta", "Cumplimiento"), words=(0, 5))
    names = ["cifra_nombre", "cifra_numerador", "cifra_denominador", "cifra_valor"]
    names += [f"cifra_anterior_{name}" for name in ("numerador", "denominador", "valor")]
    names += ["", *(f"tendencia_{name}" for name in ("mes", "a_tiempo", "registradas", "nivel", "meta", "cumple"))]
    formats = [None, _COUNT, _COUNT, _COUNT, _COUNT, _COUNT, _COUNT, None, None, _COUNT, _COUNT, _PERCENT, "0 %", None]
    for column, (name, number_format) in enumerate(zip(names, formats, strict=True), start=1):
        if not name:
            continue
        letter = get_column_letter(column)
        _name(book, sheet, name, f"{letter}{first}:{letter}{last}")
        for row in range(first, last + 1):
            _body(sheet, row, column, number_format)
            sheet.cell(row, column).font = _font(bold=name.endswith(("_valor", "_nivel")))
            if name == "tendencia_cumple":
                sheet.cell(row, column).alignment = Alignment(_LEFT, indent=1)
    _section(sheet, last + 2, 1, 14, "Datos del mes")
    facts = last + 3
    sheet.merge_cells(f"B{facts}:N{facts}")
    wrapped = Alignment(_LEFT, "center", wrap_text=True)
    _name(book, sheet, "registro_nombre", f"A{facts}", font=_font(colour=_QUIET), alignment=wrapped)
    _name(book, sheet, "registro_texto", f"B{facts}", alignment=wrapped)
    sheet.row_dimensions[facts + 1].height = 42
    for (start, end), text in zip(((1, 2), (5, 7), (10, 12)), _SIGNATURES, strict=True):
        for column in range(start, end + 1):
            sheet.cell(facts + 2, column).border = Border(top=Side("thin", color=_TEXT))
        sheet.cell(facts + 2, start, text).font = _font(size=9, colour=_QUIET)


def _table(
    book: Workbook, title: str, prefix: str, columns: Sequence[Column], key: str, height: float,
    notes: Sequence[str], *, landscape: bool = False,
) -> None:  # fmt: skip
    """Make a sheet with one table: its pattern row, its total, two columns for bars, notes below."""
    last = len(columns) + 3
    widths = [*(width for _, _, width, _ in columns), 1.5, 18, 10]
    sheet = _sheet(book, title, prefix, widths, "D1:E1", landscape=landscape, one_page=True)
    sheet["A2"].value = title
    sheet["A2"].font = _font(size=16, bold=True)
    sheet.row_dimensions[2].height = 22
    _name(book, sheet, f"{prefix}_alcance", "A3")
    top, pattern, total = 5, 6, 7
    words = tuple(place for place, (_, _, _, kind) in enumerate(columns) if kind in (None, PLAIN_NUMBER)
                  or kind in (DATE_FORMAT, TIME_FORMAT))  # fmt: skip
    _headings(sheet, top, 1, [heading for _, heading, _, _ in columns], words=words)
    _headings(sheet, top, last - 1, ("", "Registradas"), words=(0, 1))
    sheet.row_dimensions[top].height = 28
    _name(book, sheet, f"{prefix}_grafico_nivel", f"{get_column_letter(last - 1)}{top}")
    _name(book, sheet, f"{prefix}_grafico_registradas", f"{get_column_letter(last)}{top}")
    for place, (name, _, _, number_format) in enumerate(columns):
        to_the_left = place in words
        for row in (pattern, total):
            cell = _body(sheet, row, place + 1, number_format)
            cell.alignment = Alignment(_LEFT if to_the_left else _RIGHT, "center", indent=int(name == "cumple"))
            sheet.row_dimensions[row].height = height
            cell.font = _font(bold=row == total or name == "nivel")
            if row == total:
                cell.border = Border(top=Side("thin", color=_TEXT), bottom=Side("thin", color=_TEXT))
        _name(book, sheet, f"{prefix}_{name}", f"{get_column_letter(place + 1)}{pattern}")
    for row, text in enumerate(notes, start=total + 2):
        sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=last)
        sheet.cell(row, 1, text).font = _font(size=9, colour=_QUIET)
        sheet.cell(row, 1).alignment = Alignment(_LEFT, "top", wrap_text=True)
        sheet.row_dimensions[row].height = 12.5 * (1 + len(text) // int(sum(widths) * 1.15))
    sheet.freeze_panes = f"{'B' if key == 'desde' else 'C'}{pattern}"
    sheet.print_title_rows = f"{top}:{top}"


def _definitions(book: Workbook) -> None:
    sheet = _sheet(book, sheets.DEFINITIONS, "definicion", (34, 34, 60, 48, 15), "B1", landscape=True, one_page=False)
    sheet["A2"].value = sheets.DEFINITIONS
    sheet["A2"].font = _font(size=16, bold=True)
    sheet.row_dimensions[2].height = 22
    _name(book, sheet, "definicion_alcance", "A3")
    blocks: Sequence[tuple[str, Sequence[str], Sequence[tuple[str, str]]]] = (
        ("Indicadores", ("Indicador", "Qué se divide entre qué", "Casos límite", "Regla", "Se cuenta por"),
         [("indicador_nombre", "A"), ("indicador_division", "B"), ("indicador_caso", "C"), ("indicador_regla", "D"),
          ("indicador_unidad", "E")]),
        ("Cómo se cuenta y qué no incluyen las registradas", (), [("criterio_texto", "A:E")]),
        ("Parámetros vigentes en el mes", ("Parámetro", "Valor", "Regla de la que viene", "", "Vigencia"),
         [("parametro_nombre", "A"), ("parametro_valor", "B"), ("parametro_regla", "C:D"),
          ("parametro_vigencia", "E")]),
        ("Origen de las cifras", (), [("origen_nombre", "A"), ("origen_texto", "B:E")]),
    )  # fmt: skip
    row = 5
    wrapped = Alignment(_LEFT, "top", wrap_text=True)
    for title, headings, names in blocks:
        _section(sheet, row, 1, 5, title)
        row += 1
        if headings:
            _headings(sheet, row, 1, headings, words=range(5))
            row += 1
        for name, letters in names:
            first, _, last = letters.partition(":")
            if last:
                sheet.merge_cells(f"{first}{row}:{last}{row}")
            _name(book, sheet, name, f"{first}{row}", font=_font(bold=name.endswith("_nombre")), alignment=wrapped)
        for column in range(1, 6):
            sheet.cell(row, column).border = Border(bottom=Side("hair", color=_LINE))
        row += 2
    sheet.freeze_panes = "A5"
    sheet.print_title_rows = "1:3"


def _sheet(
    book: Workbook, title: str, prefix: str, widths: Sequence[float], demo: str, *, landscape: bool, one_page: bool
) -> Worksheet:
    """Make a sheet with the heading, the widths in characters and the print set-up."""
    sheet: Worksheet = book.create_sheet(title)
    sheet.sheet_view.showGridLines = False
    for column, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet["A1"].value = _HEADING
    sheet["A1"].font = _font(bold=True, colour=_ACCENT)
    sheet["A3"].font = _font(size=10, colour=_QUIET)
    sheet.page_setup.paperSize = _LETTER
    sheet.page_setup.orientation = "landscape" if landscape else "portrait"
    assert sheet.sheet_properties.pageSetUpPr is not None
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, int(one_page)
    sheet.print_options.horizontalCentered = True
    margins = sheet.page_margins
    margins.left = margins.right = 0.5
    margins.top, margins.bottom, margins.header, margins.footer = 0.6, 0.6, 0.3, 0.3
    assert sheet.oddFooter is not None
    sheet.oddFooter.left.text, sheet.oddFooter.left.size = _HEADING, 8
    sheet.oddFooter.right.text, sheet.oddFooter.right.size = "Página &P de &N", 8
    _name(book, sheet, f"{prefix}_muestra", demo)
    if ":" in demo:
        sheet.merge_cells(demo)
    sheet[demo.split(":")[0]].alignment = Alignment("center")
    return sheet


def _name(
    book: Workbook, sheet: Worksheet, name: str, cells: str, *, font: Font | None = None,
    number_format: str | None = None, alignment: Alignment | None = None,
) -> None:  # fmt: skip
    """Give cells a name, and the first of them a look."""
    reference = ":".join(absolute_coordinate(each) for each in cells.split(":"))
    book.defined_names[name] = DefinedName(name, attr_text=f"{quote_sheetname(sheet.title)}!{reference}")
    cell = sheet[cells.split(":")[0]]
    if font is not None:
        cell.font = font
    elif not cell.has_style:
        cell.font = _font()
    if number_format is not None:
        cell.number_format = number_format
    if alignment is not None:
        cell.alignment = alignment


def _section(sheet: Worksheet, row: int, first: int, last: int, text: str = "") -> None:
    for column in range(first, last + 1):
        sheet.cell(row, column).border = Border(bottom=Side("medium", color=_ACCENT))
    if text:
        sheet.cell(row, first, text)
        sheet.cell(row, first).font = _font(size=12, bold=True)


def _headings(
    sheet: Worksheet, row: int, first: int, texts: Sequence[str], words: Sequence[int] | range = (0,)
) -> None:
    """Write headings; those of columns of words stand to the left."""
    for place, text in enumerate(texts):
        cell = sheet.cell(row, first + place, text or None)
        indent = int(text == "Cumplimiento")
        cell.font = _font(size=9, bold=True, colour=_QUIET)
        cell.alignment = Alignment(_LEFT if place in words else _RIGHT, "bottom", wrap_text=True, indent=indent)
        cell.border = Border(bottom=Side("thin", color=_QUIET))


def _body(sheet: Worksheet, row: int, column: int, number_format: str | None) -> Cell | MergedCell:
    cell = sheet.cell(row, column)
    cell.font = _font()
    cell.border = Border(bottom=Side("hair", color=_LINE))
    if number_format:
        cell.number_format = number_format
    return cell


def _font(size: float = 11, *, bold: bool = False, italic: bool = False, colour: str = _TEXT) -> Font:
    return Font(name="Arial", size=size, bold=bold, italic=italic, color=colour)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
