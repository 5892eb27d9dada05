"""Pictures to zoom into: several views of one image that move together; and fixed and broken pixels by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cirkd.charts import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.data.sample import Classes
    from cirkd.results import PixelChange

COLUMNS = 2
WIDTH = 520  # pixels of one view on a wide page
GAP = 12  # pixels between rows of a wide page


def linked_size(count: int, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height in pixels that `linked_views` of an image of (height, width) want."""
    return COLUMNS * WIDTH, round(-(-count // COLUMNS) * (WIDTH * size[0] / size[1] + GAP) - GAP)


def linked_views(views: list[tuple[str, str]], size: tuple[int, int]) -> Figure:
    """Views of one image side by side; zooming or moving one moves all. It fills the place that it is given.

    views: (title, `data:` address); size: height and width of the image.
    """
    from plotly.graph_objects import Image
    from plotly.subplots import make_subplots

    rows = -(-len(views) // COLUMNS)
    height = linked_size(len(views), size)[1]
    figure = make_subplots(
        rows,
        COLUMNS,
        subplot_titles=[title for title, _ in views],
        horizontal_spacing=0.015,
        vertical_spacing=GAP / height if rows > 1 else 0,
    )
    for number, (_, source) in enumerate(views):
        row, column = number // COLUMNS + 1, number % COLUMNS + 1
        figure.add_trace(Image(source=source, hoverinfo="skip"), row=row, col=column)
    margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    theme.layout(figure, height=height, legend=False, margin=margin, dragmode="pan")
    figure.update_layout(height=None)
    # On the pictures: between them there is no room on a phone, where all is smaller but the letters.
    figure.update_annotations(
        yanchor="top", font={"size": 12, "color": theme.ink()}, bgcolor=theme.paper(), opacity=0.85
    )
    figure.update_xaxes(visible=False, constrain="domain", matches="x")
    figure.update_yaxes(visible=False, constrain="domain", matches="y")
    return figure


def change_by_class(change: PixelChange, classes: Classes) -> Figure:
    """Share of each class's labelled pixels that was fixed (to the right) and broken (to the left), in percent."""
    from plotly.graph_objects import Figure

    totals = {c: int(change.by_class[c].sum()) for c in range(len(classes))}
    share = {c: [100 * int(v) / total for v in change.by_class[c]] for c, total in totals.items() if total}
    order = sorted(share, key=lambda c: share[c][2] - share[c][3])
    ticks = [theme.class_tick(classes, c) for c in order]
    figure = Figure()
    for name, column, sign, color in (("fixed", 2, 1, theme.FIXED), ("broken", 3, -1, theme.BROKEN)):
        figure.add_bar(
            x=[sign * share[c][column] for c in order],
            y=ticks,
            orientation="h",
            name=name,
            marker={"color": color},
            customdata=[[share[c][column], totals[c]] for c in order],
            width=0.62,
            hovertemplate="%{y}: %{customdata[0]:.1f} % of %{customdata[1]:,} pixels " + name + "<extra></extra>",
        )
    theme.layout(figure, height=theme.rows_height(len(order)), barmode="relative")
    reach = 1.1 * max([0.5, *(max(share[c][2:]) for c in order)])
    figure.update_xaxes(title_text="% of the class's pixels", range=[-reach, reach])
    return figure.update_yaxes(theme.class_axis())
