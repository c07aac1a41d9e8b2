"""Charts that the spreadsheet draws itself from the cells of a sheet: columns with a target line, bars beside rows.

In: a sheet with its values in place, the rows and columns they stand in. Out: the chart on the sheet. Every chart also
carries the values it shows, for programs that do not compute; a blank cell is a gap, never a zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Any

from openpyxl.chart import BarChart, LineChart
from openpyxl.chart.axis import ChartLines
from openpyxl.chart.data_source import (
    AxDataSource,
    NumData,
    NumDataSource,
    NumRef,
    NumVal,
    StrData,
    StrRef,
    StrVal,
)
from openpyxl.chart.label import DataLabel, DataLabelList
from openpyxl.chart.layout import Layout, ManualLayout
from openpyxl.chart.marker import DataPoint, Marker
from openpyxl.chart.series import Series, SeriesLabel
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.chart.text import RichText
from openpyxl.drawing.line import LineProperties
from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, TwoCellAnchor
from openpyxl.drawing.text import (
    CharacterProperties,
    Paragraph,
    ParagraphProperties,
    RichTextProperties,
)
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.worksheet import Worksheet

from reports.definition import ValueUnit
from reports.figures import LIGHT
from reports.format import EXCEL_FORMATS, date_text
from reports.workbook.template import Place

_TEXT, _QUIET, _LINE, _BAR, _ACCENT, _SURFACE = (
    colour.removeprefix("#") for colour in (LIGHT.text, LIGHT.quiet, LIGHT.line, LIGHT.bar, LIGHT.accent, LIGHT.surface)
)
_SMALL, _LINE_WIDTH, _TARGET_WIDTH = 800, 6350, 15875  # hundredths of a point; EMU: half a point, a point and a quarter
_UPRIGHT = -5_400_000  # sixty-thousandths of a degree
_FIFTH, LEAST_TARGET_DRAWN = 0.2, 0.5


@dataclass(frozen=True)
class Rows:
    """Rows of a sheet, first and last included."""

    sheet: Worksheet
    first: int
    last: int

    def reference(self, column: int) -> str:
        """Return the cells of a column in these rows as a chart names them."""
        letter = get_column_letter(column)
        return f"{quote_sheetname(self.sheet.title)}!${letter}${self.first}:${letter}${self.last}"

    def values(self, column: int) -> list[Any]:
        """Return what stands in a column in these rows."""
        return [self.sheet.cell(row, column).value for row in range(self.first, self.last + 1)]


def trend_columns(rows: Rows, names: int, values: int, targets: int, chosen: int, frame: Place) -> None:
    """Draw shares as columns, the chosen row of them in the accent, with the target of each row as a line.

    `names`, `values`, `targets` are columns, `chosen` counts from 0; `frame` is where the chart goes.
    """
    bars = BarChart()
    bars.type, bars.gapWidth = "col", 30
    series = _series(rows, values, names, "Nivel de servicio", _BAR)
    series.dPt = [DataPoint(idx=chosen, spPr=GraphicalProperties(solidFill=_ACCENT))]
    series.dPt[0].graphicalProperties.line.noFill = True
    series.dLbls = _labels(chosen)
    bars.series.append(series)
    if any(value is not None for value in rows.values(targets)):
        line = LineChart()
        target = _series(rows, targets, names, "Meta", _TEXT)
        target.graphicalProperties = GraphicalProperties(ln=LineProperties(solidFill=_TEXT, w=_TARGET_WIDTH))
        target.marker = Marker(symbol="none")
        target.smooth = False
        line.series.append(target)
        bars += line
    _plain(bars)
    bars.x_axis.delete = bars.y_axis.delete = False
    bars.x_axis.number_format = "General"
    bars.y_axis.number_format = "0 %"
    bars.y_axis.majorUnit = _FIFTH
    bars.y_axis.scaling.min, bars.y_axis.scaling.max = 0, 1
    bars.y_axis.graphicalProperties = GraphicalProperties(ln=LineProperties(noFill=True))
    bars.y_axis.majorGridlines = ChartLines(spPr=_gridline(_LINE, _LINE_WIDTH))
    _place(rows.sheet, bars, frame.column, frame.row, frame.last_column + 1, frame.last_row + 1)


def bars_beside(rows: Rows, names: int, values: int, column: int, *, share: bool, target: float | None = None) -> None:
    """Draw a column's values as bars in another column, each bar in the row of its value.

    Shares run from 0 to 1, with one line at the target; counts from 0 to the greatest.
    """
    bars = BarChart()
    bars.type, bars.gapWidth = "bar", 40
    name = "Nivel de servicio" if share else "Registradas"
    bars.series.append(_series(rows, values, names, name, _ACCENT if share else _BAR))
    _plain(bars)
    bars.x_axis.delete = bars.y_axis.delete = True  # the row names the bar
    bars.x_axis.scaling.orientation = "maxMin"
    bars.y_axis.scaling.min = 0
    bars.y_axis.majorGridlines = None
    if share:
        bars.y_axis.scaling.max = 1
        if target is not None and target > LEAST_TARGET_DRAWN:
            # A line at every multiple of the target: only its first lies within the chart.
            bars.y_axis.majorUnit = target
            bars.y_axis.majorGridlines = ChartLines(spPr=_gridline(_TEXT, _TARGET_WIDTH))
    whole = ManualLayout(layoutTarget="inner", xMode="edge", yMode="edge", x=0.01, y=0, w=0.97, h=1)
    bars.layout = Layout(manualLayout=whole)
    _place(rows.sheet, bars, column, rows.first, column + 1, rows.last + 1)


def _series(rows: Rows, values: int, names: int, title: str, colour: str) -> Series:
    numbers = [(place, value) for place, value in enumerate(rows.values(values)) if isinstance(value, int | float)]
    count = rows.last - rows.first + 1
    data = NumData(ptCount=count, pt=[NumVal(idx=place, v=value) for place, value in numbers])
    said = [_said(value) for value in rows.values(names)]
    texts = StrData(ptCount=count, pt=[StrVal(idx=place, v=text) for place, text in enumerate(said)])
    series = Series(
        idx=0, order=0, tx=SeriesLabel(v=title),
        val=NumDataSource(numRef=NumRef(f=rows.reference(values), numCache=data)),
        cat=AxDataSource(strRef=StrRef(f=rows.reference(names), strCache=texts)),
    )  # fmt: skip
    series.graphicalProperties = GraphicalProperties(solidFill=colour)
    series.graphicalProperties.line.noFill = True
    series.invertIfNegative = None
    return series


def _said(value: object) -> str:
    match value:
        case None:
            return ""
        case time():
            return f"{value:%H:%M}"
        case date():
            return date_text(value)
    return str(value)


def _labels(chosen: int) -> DataLabelList:
    """Return the values upright in their columns, light in the chosen one."""
    shown: dict[str, Any] = {
        "numFmt": EXCEL_FORMATS[ValueUnit.PERCENT],
        "dLblPos": "inEnd",
        "showVal": True,
        **dict.fromkeys(("showSerName", "showCatName", "showLegendKey", "showPercent", "showBubbleSize"), False),
    }
    light = DataLabel(idx=chosen, txPr=_letters(_SURFACE, upright=True), **shown)
    return DataLabelList(dLbl=[light], txPr=_letters(_TEXT, upright=True), **shown)


def _plain(chart: Any) -> None:
    """Leave away what a spreadsheet adds of its own: legend, frame, ticks."""
    chart.legend = None
    chart.graphical_properties = GraphicalProperties(noFill=True, ln=LineProperties(noFill=True))
    chart.roundedCorners = False
    chart.display_blanks = "gap"
    for axis in (chart.x_axis, chart.y_axis):
        axis.majorTickMark = axis.minorTickMark = "none"
        axis.txPr = _letters(_QUIET)
    chart.x_axis.graphicalProperties = _gridline(_LINE, _LINE_WIDTH)


def _gridline(colour: str, width: int) -> GraphicalProperties:
    return GraphicalProperties(ln=LineProperties(solidFill=colour, w=width))


def _letters(colour: str, *, upright: bool = False) -> RichText:
    small = CharacterProperties(sz=_SMALL, solidFill=colour, latin=None)
    paragraph = Paragraph(pPr=ParagraphProperties(defRPr=small), endParaRPr=small)
    return RichText(bodyPr=RichTextProperties(rot=_UPRIGHT if upright else 0), p=[paragraph])


def _place(sheet: Worksheet, chart: Any, column: int, row: int, end_column: int, end_row: int) -> None:
    """Put a chart from one cell's corner to another's, both counted from 1."""
    start = AnchorMarker(col=column - 1, row=row - 1)
    end = AnchorMarker(col=end_column - 1, row=end_row - 1)
    chart.anchor = TwoCellAnchor(editAs="twoCell", _from=start, to=end)
    sheet.add_chart(chart)
