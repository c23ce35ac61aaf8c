"""The report of a replay as pictures; needs matplotlib (`pip install saleor-loyalty[replay]`)."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.replay.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, GRID = "#22303c", "#5b6b79", "#e3e8ec"
COLOURS = ("#1f6f8b", "#e07a3f")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)))  # so that of two lines in one place both are seen
LOST, SPENT = "#c4473a", "#7a9e4f"
STYLE: dict[Any, Any] = {
    "figure.figsize": (8, 4.5),
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


class PicturesNeedMatplotlib(LoyaltyError):
    """matplotlib is not installed, and draws the pictures."""

    code = "pictures_need_matplotlib"


def pictures_can_be_drawn() -> None:
    """Check that pictures can be drawn.

    Raises:
        PicturesNeedMatplotlib: matplotlib is not installed.

    """
    if find_spec("matplotlib") is None:
        raise PicturesNeedMatplotlib(problem="pip install 'saleor-loyalty[replay]'")


def draw(reports: Sequence[Report], *, folder: Path) -> list[Path]:
    """Draw points and liability by month, and who brings and gets how much; return the files.

    Raises:
        PicturesNeedMatplotlib: matplotlib is not installed.

    """
    pictures_can_be_drawn()
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    jobs = [(f"points-{number}.png", _points, [one]) for number, one in enumerate(reports, start=1)]
    jobs.append(("liability.png", _liability, list(reports)))
    jobs.append(("customers.png", _customers, list(reports)))
    for name, paint, shown in jobs:
        with rc_context(STYLE):
            figure = Figure()
            FigureCanvasAgg(figure)
            paint(figure.add_subplot(), shown)
            figure.savefig(folder / name)
        drawn.append(folder / name)
    return drawn


def _points(axes: "Axes", reports: Sequence[Report]) -> None:
    """Draw bars of what came and went a month, and the line of what is outstanding."""
    report = reports[0]
    places = list(range(len(report.months)))
    axes.bar(places, [row.issued for row in report.months], color=COLOURS[0], label="issued")
    below = [0] * len(places)
    for label, colour, values in (
        ("expired", LOST, [row.expired for row in report.months]),
        ("clawed back", "#d9a441", [row.revoked for row in report.months]),
        ("spent (assumed)", SPENT, [row.spent for row in report.months]),
    ):
        if any(values):
            heights = [-value for value in values]
            axes.bar(places, heights, bottom=below, color=colour, label=label)
            below = [low + height for low, height in zip(below, heights, strict=True)]
    outstanding = [row.outstanding for row in report.months]
    axes.plot(places, outstanding, color=INK, linewidth=2, marker="o", markersize=3.5)
    axes.plot([], [], color=INK, linewidth=2, marker="o", label="outstanding at the month's end")
    axes.axhline(0, color=SOFT, linewidth=0.8)
    axes.set_title(f"{report.program}: points by month")
    axes.set_ylabel("points")
    _finish(axes, report)


def _liability(axes: "Axes", reports: Sequence[Report]) -> None:
    """Draw a line a programme: what its outstanding points are worth."""
    for colour, dashes, report in zip(COLOURS, DASHES, reports, strict=False):
        values = [float(row.liability or 0) for row in report.months]
        places = list(range(len(values)))
        axes.plot(
            places, values, color=colour, linestyle=dashes, linewidth=2.2, label=report.program
        )
        if len(reports) == 1:
            axes.fill_between(places, values, color=colour, alpha=0.12)
        axes.annotate(
            f"{values[-1]:,.0f}",
            (places[-1], values[-1]),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
        )
    axes.set_ylim(bottom=0)
    axes.set_title("Liability: what outstanding points are worth")
    axes.set_ylabel(reports[0].currency)
    _finish(axes, reports[0])


def _customers(axes: "Axes", reports: Sequence[Report]) -> None:
    """Draw the Lorenz curves of revenue and points, the best customers first."""
    concentration = reports[0].concentration
    shares = [float(100 * row[0]) for row in concentration.curve]
    revenue = [float(100 * row[1]) for row in concentration.curve]
    axes.plot(shares, revenue, color=INK, linewidth=2.2, label="revenue they bring")
    for number, (colour, report) in enumerate(zip(COLOURS, reports, strict=False)):
        dashes = (4 * number, (4, 8 if len(reports) > 1 else 4))
        points = [float(100 * row[2]) for row in report.concentration.curve]
        label = "points they get" + (f" ({report.program})" if len(reports) > 1 else "")
        axes.plot(shares, points, color=colour, linewidth=2.2, linestyle=dashes, label=label)
    axes.plot(
        [0, 100], [0, 100], color=SOFT, linewidth=0.9, linestyle=":", label="if all were equal"
    )
    top = float(100 * concentration.share_of_revenue)
    axes.plot([20, 20, 0], [0, top, top], color=SOFT, linewidth=0.8)
    axes.annotate(
        f"the top 20 % bring {top:.0f} %",
        (20, top),
        xytext=(10, -16),
        textcoords="offset points",
        fontweight="bold",
    )
    axes.set(xlim=(0, 100), ylim=(0, 102))
    axes.set_title("Who brings the revenue, who gets the points")
    axes.set_xlabel("share of customers, the best first (%)")
    axes.set_ylabel("share of the whole (%)")
    axes.legend(loc="lower right", handlelength=3.5)


def _finish(axes: "Axes", report: Report) -> None:
    """Name the months, a dozen at most, and explain the colours."""
    every = -(-len(report.months) // 12)
    places = range(0, len(report.months), every)
    axes.set_xticks(list(places), [f"{report.months[place].month:%b\n%Y}" for place in places])
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper left")
