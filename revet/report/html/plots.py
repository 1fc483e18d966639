"""Plots as inline SVG: small, with a name and a description for who does not see them, and the numbers in a table.

Colours are the stylesheet's, so that a plot is dark where the page is; a shape, a dash or a word tells apart what a
colour does. Values outside of an axis are drawn at its end. Every text in them is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from revet.report.html.played import interval, number
from revet.report.html.templating import render
from revet.report.html.words import shown
from revet.report.text import one_line
from revet.schema import digest

__all__ = ["Dot", "Mark", "Plot", "curve", "dots", "flows", "histogram", "rounds"]

WIDE, TALL = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 14, 38
MOST_DOTS = 40
"""Rows of one plot; the table beside it has all of them."""


@dataclass(frozen=True)
class Dot:
    """A value with its interval, by a name."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Mark:
    """A value to hold others against: a target, a figure of others."""

    name: str
    value: float


@dataclass(frozen=True)
class Plot:
    """A drawing with its words: `title`, what is to be seen in it (`says`), and the table that holds its numbers."""

    title: str
    says: str
    svg: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def html(self) -> Markup:
        """The figure, with its table folded beside it."""
        return render("suite_plot.html", plot=self)


def rounds(title: str, values: Sequence[Dot], *, axis: str = "round") -> Plot | None:
    """A line through the values of numbered rounds, each with its interval. None where there is nothing to draw."""
    known = [each for each in values if each.value is not None]
    if not known:
        return None
    scale = _Scale.of([each.value for each in known], [e for d in known for e in (d.low, d.high)])
    step = (WIDE - LEFT - RIGHT) / max(1, len(known))
    at = [LEFT + step * (place + 0.5) for place in range(len(known))]
    parts = [_frame(scale, f"{axis} (0: the first draft)" if known[0].name == "0" else axis)]
    parts += [
        _text(x, TALL - BOTTOM + 15, each.name, "middle") for x, each in _thinned(list(zip(at, known, strict=True)))
    ]
    path = " ".join(f"{x:.1f},{scale.y(each.value):.1f}" for x, each in zip(at, known, strict=True))
    parts.append(Markup('<polyline class="line" points="{}"/>').format(path))
    for x, each in zip(at, known, strict=True):
        parts.append(_whisker(x, scale, each))
        parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x, scale.y(each.value)))
    first, last = known[0], known[-1]
    says = f"From {number(first.value)} in {axis} {first.name} to {number(last.value)} in {axis} {last.name}."
    return _plot(title, says, parts, TALL, (axis, "value", "95 % interval", "n"), map(_row, values))


def curve(
    title: str, points: Sequence[tuple[float, float]], *, x: str, y: str, note: str = "", most: int = 60
) -> Plot | None:
    """A curve through (x, y) points of which x lies in 0..1. None without points."""
    if not points:
        return None
    scale = _Scale.of([value for _, value in points], (), top=None)
    span = WIDE - LEFT - RIGHT
    path = " ".join(f"{LEFT + span * min(1.0, max(0.0, a)):.1f},{scale.y(b):.1f}" for a, b in points)
    parts = [_frame(scale, x)]
    parts += [_text(LEFT + span * part, TALL - BOTTOM + 15, f"{part:g}", "middle") for part in (0, 0.25, 0.5, 0.75, 1)]
    parts.append(Markup('<polyline class="line" points="{}"/>').format(path))
    if len(points) <= most:
        for a, b in points:
            at = LEFT + span * min(1.0, max(0.0, a))
            parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(at, scale.y(b)))
    (a, b), (c, d) = points[0], points[-1]
    says = f"{y[:1].upper()}{y[1:]} is {number(b)} at {x} {number(a)}, and {number(d)} at {number(c)}."
    every = max(1, math.ceil(len(points) / most))
    kept = [pair for place, pair in enumerate(points) if place % every == 0 or place == len(points) - 1]
    rows = [(number(a), number(b)) for a, b in kept]
    return _plot(title, f"{says} {note}".strip(), parts, TALL, (x, y), rows)


def dots(title: str, values: Sequence[Dot], marks: Sequence[Mark] = (), *, zero: bool = False) -> Plot | None:
    """Values by name, one below the other, each with its interval; `marks` are dashed lines, `zero` one at 0."""
    known = [each for each in values if each.value is not None][:MOST_DOTS]
    if not known:
        return None
    limits = [e for d in known for e in (d.low, d.high)]
    scale = _Scale.of([each.value for each in known], [*limits, *(m.value for m in marks), 0.0 if zero else None])
    row, top = 34, 8
    height = top + row * len(known) + 24 + 15 * len(marks)
    bottom = top + row * len(known)
    parts = []
    for tick in scale.ticks:
        parts.append(
            Markup('<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(
                scale.x(tick), top, bottom
            )
        )
        parts.append(_text(scale.x(tick), bottom + 14, f"{tick:g}", "middle"))
    for place, mark in enumerate(marks):
        line = '<line class="mark m{3}" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>'
        parts.append(Markup(line).format(scale.x(mark.value), top, bottom, place % 3))
        sample = '<line class="mark m{1}" x1="8" x2="34" y1="{0}" y2="{0}"/>'
        parts.append(Markup(sample).format(bottom + 25 + 15 * place, place % 3))
        parts.append(_text(40, bottom + 29 + 15 * place, f"{_short(mark.name, 46)}: {number(mark.value)}"))
    if zero:
        parts.append(
            Markup('<line class="axis" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(scale.x(0), top, bottom)
        )
    for place, each in enumerate(known):
        y = top + row * place + 24
        parts.append(_text(8, y - 11, _short(each.name, 40)))
        parts.append(_text(WIDE - 8, y - 11, number(each.value), "end", "strong"))
        if each.low is not None and each.high is not None:
            line = '<line class="whisker" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>'
            parts.append(Markup(line).format(scale.x(each.low), scale.x(each.high), y, y))
        parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{}" r="4.5"/>').format(scale.x(each.value), y))
    by = sorted(known, key=lambda each: each.value or 0.0)
    ends = [f"{each.name} ({number(each.value)})" for each in (by[0], by[-1])]
    says = f"Lowest is {ends[0]}, highest {ends[1]}." if len(by) > 1 else f"{by[0].name}: {number(by[0].value)}."
    left = sum(each.value is not None for each in values) - len(known)
    says += f" {left} more are in the table." if left else ""
    says += "".join(f" {mark.name}: {number(mark.value)}." for mark in marks)
    return _plot(title, says, parts, height, ("what", "value", "95 % interval", "n"), map(_row, values))


ENDS = ("right", "wrong", "nothing")
_SIGNS = {"right": "✓", "wrong": "✗", "nothing": "–"}


def flows(title: str, counts: Mapping[tuple[str, str], int]) -> Plot | None:
    """From the first draft (``right``, ``wrong``) to the end (``right``, ``wrong``, ``nothing``): as many cases each,
    as bands between two columns. None without cases."""
    total = sum(counts.values())
    if not total:
        return None
    room, gap, bar = TALL - 30, 10, 12
    left, right = 96, WIDE - 118
    unit = (room - 2 * gap) / total
    starts = _stacked([(a, sum(counts.get((a, b), 0) for b in ENDS)) for a in ENDS[:2]], unit, gap)
    stops = _stacked([(b, sum(counts.get((a, b), 0) for a in ENDS[:2])) for b in ENDS], unit, gap)
    parts, out, into = [], dict(starts), dict(stops)
    for a in ENDS[:2]:
        for b in ENDS:
            thick = counts.get((a, b), 0) * unit
            if thick:
                y, z, mid = out[a], into[b], (left + bar + right) / 2
                band = f"M{left + bar},{y:.1f} C{mid},{y:.1f} {mid},{z:.1f} {right},{z:.1f} V{z + thick:.1f} "
                band += f"C{mid},{z + thick:.1f} {mid},{y + thick:.1f} {left + bar},{y + thick:.1f} Z"
                parts.append(Markup('<path class="band {}{}" d="{}"/>').format(a, "" if a == b else " turned", band))
                out[a] += thick
                into[b] += thick
    for x, places, names, side in ((left, starts, ENDS[:2], "end"), (right, stops, ENDS, "start")):
        for name in names:
            size = sum(n for (a, b), n in counts.items() if (a if side == "end" else b) == name)
            if size:
                box = '<rect class="box {}" x="{}" y="{:.1f}" width="{}" height="{:.1f}"/>'
                parts.append(Markup(box).format(name, x, places[name], bar, max(1.0, size * unit)))
                at = x - 6 if side == "end" else x + bar + 6
                y = places[name] + size * unit / 2 + 4
                parts.append(_text(at, y, f"{_SIGNS[name]} {name} {size:,}", side, "strong"))
    parts += [_text(left, TALL - 6, "first draft", "middle"), _text(right, TALL - 6, "at the end", "middle")]
    gained, lost = counts.get(("wrong", "right"), 0), counts.get(("right", "wrong"), 0)
    says = f"Of {total:,} cases {gained:,} went from wrong to right, and {lost:,} from right to wrong."
    rows = [(a, *(f"{counts.get((a, b), 0):,}" for b in ENDS)) for a in ENDS[:2]]
    return _plot(title, says, parts, TALL, ("first draft", *(f"ended {b}" for b in ENDS)), rows)


def histogram(title: str, values: Sequence[float], *, unit: str, bins: int = 12) -> Plot | None:
    """How many values lie where, in bins that grow tenfold where they span more than that. None without values."""
    kept = sorted(value for value in values if value > 0 and math.isfinite(value))
    if not kept:
        return None
    low, high = kept[0], kept[-1]
    wide = high / low > 30
    edges = [low * (high / low) ** (n / bins) if wide else low + (high - low) * n / bins for n in range(bins + 1)]
    if high == low:
        edges = [low, high]
    sizes = [0] * (len(edges) - 1)
    for value in kept:
        place = next((n for n in range(len(sizes)) if value <= edges[n + 1]), len(sizes) - 1)
        sizes[place] += 1
    scale = _Scale.of([float(max(sizes))], (4.0,))  # of so few, whole numbers are on the axis
    step = (WIDE - LEFT - RIGHT) / len(sizes)
    parts = [_frame(scale, f"{unit}{', growing by a constant factor' if wide else ''}")]
    for place, size in enumerate(sizes):
        box = '<rect class="box" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
        y = scale.y(float(size))
        parts.append(Markup(box).format(LEFT + step * place + 1, y, max(1.0, step - 2), TALL - BOTTOM - y))
    for place in range(0, len(edges), max(1, len(edges) // 4)):
        parts.append(_text(LEFT + step * place, TALL - BOTTOM + 15, f"{edges[place]:.3g}", "middle"))
    middle = number(kept[(len(kept) - 1) // 2], 2)
    says = f"Half of {len(kept):,} took at most {middle} {unit}; the longest {number(high, 2)}."
    rows = [(f"{edges[n]:.3g} – {edges[n + 1]:.3g}", f"{size:,}") for n, size in enumerate(sizes)]
    return _plot(title, says, parts, TALL, (unit, "cases"), rows)


# --- the pieces --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scale:
    """From values to places of the drawing, with round ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def of(
        cls, values: Iterable[float | None], more: Iterable[float | None] = (), *, top: float | None = 1.0
    ) -> _Scale:
        """One that holds all of them, and 0; shares are drawn up to 1, unless `top` is None."""
        known = [each for each in (*values, *more) if each is not None and math.isfinite(each)]
        low, high = min([0.0, *known]), max([0.0, *known])
        if top is not None and 0.2 < high <= top and low >= 0:
            high = top
        if high - low < 1e-6:  # too close to tell apart: ticks have so many digits
            high = low + 1.0
        step = 10.0 ** math.floor(math.log10((high - low) / 2))
        step = next(step * by for by in (1, 2, 2.5, 5, 10, 20) if (high - low) / (step * by) <= 5.0001)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        ticks = tuple(round(n * step, 10) for n in range(first, last + 1))
        return cls(ticks[0], ticks[-1], ticks)

    def _part(self, value: float | None) -> float:
        return min(1.0, max(0.0, ((value or 0.0) - self.low) / (self.high - self.low)))

    def y(self, value: float | None) -> float:
        return TALL - BOTTOM - self._part(value) * (TALL - TOP - BOTTOM)

    def x(self, value: float | None) -> float:
        return 14 + self._part(value) * (WIDE - 28)


def _frame(scale: _Scale, axis: str) -> Markup:
    """The grid with the values of the ticks, and the name of the other axis."""
    parts = []
    for tick in scale.ticks:
        line = '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
        parts.append(Markup(line).format(LEFT, WIDE - RIGHT, scale.y(tick), scale.y(tick)))
        parts.append(_text(LEFT - 6, scale.y(tick) + 4, f"{tick:,g}", "end"))
    parts.append(_text((LEFT + WIDE - RIGHT) / 2, TALL - 5, axis, "middle"))
    return Markup("").join(parts)


def _whisker(x: float, scale: _Scale, each: Dot) -> Markup:
    if each.low is None or each.high is None:
        return Markup("")
    low, high = scale.y(each.low), scale.y(each.high)
    line = '<path class="whisker" d="M{0:.1f},{1:.1f} V{2:.1f} M{3:.1f},{1:.1f} H{4:.1f} M{3:.1f},{2:.1f} H{4:.1f}"/>'
    return Markup(line).format(x, low, high, x - 4, x + 4)


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, shown(one_line(text, 80))
    )


def _thinned(places: Sequence[tuple[float, Dot]], most: int = 12) -> Sequence[tuple[float, Dot]]:
    """As many as can be labelled without one covering the next."""
    return places[:: max(1, math.ceil(len(places) / most))]


def _stacked(sizes: Sequence[tuple[str, int]], unit: float, gap: float) -> dict[str, float]:
    """Where each of the boxes begins, from the top."""
    places, at = {}, 4.0
    for name, size in sizes:
        places[name] = at
        at += size * unit + (gap if size else 0)
    return places


def _short(text: str, limit: int) -> str:
    line = one_line(text, 200)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _row(each: Dot) -> tuple[str, ...]:
    value = number(each.value) if each.value is not None else f"not a number: {each.note or 'no case bears on it'}"
    return each.name, value, interval(each.low, each.high), "" if each.n is None else f"{each.n:,}"


def _plot(
    title: str,
    says: str,
    parts: Iterable[Markup],
    height: float,
    head: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
) -> Plot:
    own = f"plot-{digest(title, says, length=8)}"
    drawn = Markup(
        '<svg class="plot" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{id}-t {id}-d">'
        '<title id="{id}-t">{title}</title><desc id="{id}-d">{says}</desc>{body}</svg>'
    ).format(w=WIDE, h=f"{height:g}", id=own, title=shown(title), says=shown(says), body=Markup("").join(parts))
    return Plot(title, says, drawn, head, tuple(rows))
