"""Small charts as SVG text: nothing to install, nothing to load, sharp on paper."""

from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float | None]]

WIDTH, HEIGHT = 420, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 12, 40
COLOURS = ("#0b6e99", "#c2571a", "#5f7f2d", "#8a4f9e", "#b8860b", "#777777")
"""Distinct also without red and green; the first belongs to the model."""


def lines(series: Mapping[str, Points], *, x_title: str, y_title: str, ticks: Sequence[tuple[float, str]], top: float | None = None) -> str:
    """A line for each name, over an axis that begins at 0; a missing value breaks its line."""
    xs = [x for points in series.values() for x, _ in points]
    scale = _Scale(low=min(xs), high=max(xs), top=top or _top(series))
    body = [_axes(scale, x_title, y_title, ticks)]
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        width = 2.5 if number == 0 else 1.2
        for run in _runs(points):
            path = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in run)
            title = f"<title>{escape(name)}</title>"
            body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}">{title}</polyline>')
            body += [f'<circle cx="{scale.x(x):.1f}" cy="{scale.y(y):.1f}" r="2" fill="{colour}">{title}</circle>' for x, y in run]
    return _svg(body)


def bars(edges: Sequence[float], heights: Sequence[float | None], *, x_title: str, y_title: str, reference: float) -> str:
    """Bars between neighbouring edges, with a dashed line at what they should be."""
    known = [height for height in heights if height is not None]
    scale = _Scale(low=edges[0], high=edges[-1], top=1.15 * max([reference, *known]))
    body = [_axes(scale, x_title, y_title, [(edge, f"{edge:g}") for edge in (0.0, 0.25, 0.5, 0.75, 1.0)])]
    for low, high, height in zip(edges[:-1], edges[1:], heights, strict=True):
        if height is not None:
            box = f'x="{scale.x(low):.1f}" y="{scale.y(height):.1f}" width="{scale.x(high) - scale.x(low):.1f}"'
            body.append(
                f'<rect {box} height="{scale.y(0.0) - scale.y(height):.1f}" fill="{COLOURS[0]}" fill-opacity="0.6" stroke="#fff">'
                f"<title>{low:g} to {high:g}: {height:.2f}</title></rect>"
            )
    at = f"{scale.y(reference):.1f}"
    body.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}" stroke="#333" stroke-dasharray="5 4"/>')
    return _svg(body)


def legend(names: Sequence[str]) -> str:
    """The colours of `lines`, in order."""
    marks = (f'<span><b style="background:{COLOURS[number % len(COLOURS)]}"></b>{escape(name)}</span>' for number, name in enumerate(names))
    return f'<p class="legend">{"".join(marks)}</p>'


class _Scale:
    """From values to places in the picture."""

    def __init__(self, *, low: float, high: float, top: float) -> None:
        self.low, self.span, self.top = low, (high - low) or 1.0, top or 1.0

    def x(self, value: float) -> float:
        return LEFT + (value - self.low) / self.span * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - min(value / self.top, 1.0) * (HEIGHT - TOP - BOTTOM)


def _top(series: Mapping[str, Points]) -> float:
    return 1.1 * max((y for points in series.values() for _, y in points if y is not None), default=1.0)


def _runs(points: Points) -> list[list[tuple[float, float]]]:
    """Stretches without a missing value."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]


def _axes(scale: _Scale, x_title: str, y_title: str, ticks: Sequence[tuple[float, str]]) -> str:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = scale.y(share * scale.top)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{share * scale.top:.3g}</text>')
    for value, label in ticks:
        parts.append(f'<text x="{scale.x(value):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(label)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_title)}</text>')
    turn = f"rotate(-90 12 {HEIGHT / 2 - 10})"
    parts.append(f'<text x="12" y="{HEIGHT / 2 - 10}" text-anchor="middle" transform="{turn}">{escape(y_title)}</text>')
    return "".join(parts)


def _svg(body: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg" role="img">{"".join(body)}</svg>'
