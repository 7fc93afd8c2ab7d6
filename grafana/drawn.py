"""Boards in Grafana's own model, by its SDK."""

from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model

from grafana.panel import Board, Choice, Panel, Query, Row, Shape

TAG = "semstream"
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHTS = {Shape.LINES: 8, Shape.STACKED: 8, Shape.BARS: 8, Shape.NUMBER: 4}
EVERYTHING = ".*"

Builder = TypeVar("Builder", timeseries.Panel, stat.Panel, bargauge.Panel)


def drawn(board: Board) -> model.Dashboard:
    """Return the dashboard as Grafana knows it."""
    made = dashboard.Dashboard(board.title).uid(f"semstream-{board.name}").description(board.about)
    made = made.tags([TAG]).readonly().refresh("30s").time("now-6h", "now").timezone("browser")
    made = made.tooltip(model.DashboardCursorSync.CROSSHAIR).link(_link()).with_variable(_source())
    for choice in board.choices:
        made = made.with_variable(_variable(choice))
    number = 1
    for row in board.rows:
        made = _with_row(made, row, number)
        number += 1 + len(row.panels)
    return made.build()


def _link() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("semstream").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(True).include_vars(True).keep_time(True)


def _source() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")


def _variable(choice: Choice) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(choice.value).label(choice.value).datasource(SOURCE)
    variable = variable.query(f"label_values({choice.source}, {choice.value})").sort(
        model.VariableSort.ALPHABETICAL_ASC
    )
    variable = variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).multi(True).include_all(True)
    every = model.VariableOption(selected=True, text="All", value="$__all")
    return variable.all_value(EVERYTHING).current(every)


def _with_row(made: dashboard.Dashboard, row: Row, number: int) -> dashboard.Dashboard:
    made = made.with_row(dashboard.Row(row.title).id(number))
    for place, panel in enumerate(row.panels, start=number + 1):
        made = made.with_panel(_panel(panel, place))
    return made


def _panel(panel: Panel, number: int) -> timeseries.Panel | stat.Panel | bargauge.Panel:
    if panel.shape is Shape.NUMBER:
        return _told(stat.Panel(), panel, number).reduce_options(_latest()).graph_mode(looks.BigValueGraphMode.NONE)
    if panel.shape is Shape.BARS:
        bars = _told(bargauge.Panel(), panel, number).reduce_options(_latest()).min(0)
        return bars.orientation(looks.VizOrientation.HORIZONTAL).display_mode(looks.BarGaugeDisplayMode.BASIC)
    return _over_time(panel, number)


def _over_time(panel: Panel, number: int) -> timeseries.Panel:
    lines = _told(timeseries.Panel(), panel, number).legend(_legend()).tooltip(_tooltip())
    if panel.shape is Shape.STACKED:
        lines = lines.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL)).fill_opacity(60).line_width(0)
    return lines.axis_soft_min(0)


def _told(made: Builder, panel: Panel, number: int) -> Builder:
    made = made.id(number).title(panel.title).description(described(panel)).unit(panel.unit).datasource(SOURCE)
    made = made.span(panel.width).height(HEIGHTS[panel.shape])
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    for name, query in zip("ABCDEFGH", panel.queries, strict=False):
        made = made.with_target(_target(query, name, panel.shape))
    return made


def described(panel: Panel) -> str:
    """Return what a panel says of itself."""
    where = f"\n\nOnly where {panel.only_where}." if panel.only_where else ""
    return f"{panel.says}\n\n**What to do:** {panel.do}{where}"


def _target(query: Query, name: str, shape: Shape) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(name).expr(query.expr).legend_format(query.legend).datasource(SOURCE)
    return target.range() if shape.over_time else target.instant()


def _latest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(looks.LegendDisplayMode.LIST)
    return legend.placement(looks.LegendPlacement.BOTTOM).show_legend(True)


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
