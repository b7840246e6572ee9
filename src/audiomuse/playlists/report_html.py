"""The quality report as one page that needs nothing else: no scripts, fonts or pictures from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from audiomuse.playlists.report import ListQuality, QualityReport

_STYLE = """
:root{color-scheme:light dark;--ink:#1c1c22;--soft:#666673;--paper:#fdfdfc;--card:#f2f2ef;--line:#d9d9d4;
--a:#0f766e;--b:#b45309}
@media (prefers-color-scheme:dark){:root{--ink:#ececf0;--soft:#a0a0ad;--paper:#141418;--card:#1f1f26;
--line:#33333d;--a:#2dd4bf;--b:#fbbf24}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:2rem 1rem 4rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}p{margin:.3rem 0}
.soft{color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.7rem;margin-top:1rem}
.card{background:var(--card);border-radius:.6rem;padding:.7rem .9rem}
.card b{display:block;font-size:1.5rem;font-variant-numeric:tabular-nums}
figure{margin:.5rem 0;overflow-x:auto}svg{max-width:100%;height:auto}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}
.a{fill:var(--a)}.b{fill:var(--b)}.axis{stroke:var(--line)}.mark{stroke:var(--b);stroke-width:2}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}
"""

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM = 620, 200, 44, 22, 28


def render_html(report: QualityReport, *, title: str = "How good are these playlists?") -> str:
    """Write a quality report as an HTML document.

    Parameters
    ----------
    report : QualityReport
    title : str
        Heading of the page.

    Returns
    -------
    str
        A whole document; light or dark as the reader prefers, readable without scripts.
    """
    summary = (
        f"{report.n_playlists} playlists of {report.n_songs} songs: {report.n_new} new, "
        f"{report.n_continued} continued, {report.n_ended} ended."
    )
    adapted = "".join(f"<p>{escape(sentence)}</p>" for sentence in report.adapted)
    sections = [
        f"<h1>{escape(title)}</h1><p class='soft'>{escape(summary)}</p>{adapted}",
        _cards(report),
        _coherence_section(report),
        _smoothness_section(report),
        _sizes_section(report),
        _parts_section(report),
        _table(report.lists),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"{''.join(sections)}</body></html>\n"
    )


def _cards(report: QualityReport) -> str:
    """The figures that matter most."""
    figures = [
        (_percent(report.coverage), "of the library is in a list"),
        (_number(report.coherence), f"coherence; random lists {_number(report.random_coherence)}"),
        (_percent(report.smoothness), "smoother than in random order"),
        (_number(report.songs_per_artist), "songs per artist in a list"),
        (_percent(report.unique_names), "of names are unique"),
        (_percent(report.stability), "of a list's songs stayed since the last run"),
        (_percent(report.tempo_kept), "of steps keep the tempo"),
        (_percent(report.keys_compatible), "of steps fit in key"),
        (_number(report.score, 3), "score of the clustering"),
    ]
    cards = "".join(f"<div class='card'><b>{value}</b>{escape(label)}</div>" for value, label in figures)
    return f"<div class='cards'>{cards}</div>"


def _coherence_section(report: QualityReport) -> str:
    values = [quality.coherence for quality in report.lists]
    marks = [] if report.random_coherence is None else [(report.random_coherence, "random lists")]
    return (
        "<h2>How alike the songs of a list are</h2>"
        "<p class='soft'>Lists per coherence: 1 is all alike, 0 is like any songs of the library.</p>"
        + _histogram(
            values, low=min([0.0, *values, *(at for at, _ in marks)]), high=1.0, marks=marks, what="coherence"
        )
    )


def _smoothness_section(report: QualityReport) -> str:
    values = [1.0 - q.step_cost / q.shuffled_step_cost for q in report.lists if q.shuffled_step_cost > 0]
    return (
        "<h2>How smoothly they play</h2>"
        "<p class='soft'>Lists per saving of their steps against random order.</p>"
        + _histogram(values, low=min([0.0, *values]), high=1.0, marks=[(0.0, "random order")], what="saving")
    )


def _sizes_section(report: QualityReport) -> str:
    sizes = [float(quality.n_songs) for quality in report.lists]
    return "<h2>How long they are</h2><p class='soft'>Lists per number of songs.</p>" + _histogram(
        sizes, low=0.0, high=max([40.0, *sizes]), marks=[], what="songs"
    )


def _parts_section(report: QualityReport) -> str:
    """The parts of the clustering's score as bars; nothing without them."""
    parts = [(name, value) for name, value in report.score_parts if 0.0 <= value <= 1.0]
    if not parts:
        return ""
    bars = "".join(
        f'<text x="0" y="{i * 26 + 17}">{escape(name.replace("_", " "))}</text>'
        f'<rect class="a" x="150" y="{i * 26 + 4}" width="{value * 400:.1f}" height="18" rx="3"/>'
        f'<text x="{156 + value * 400:.1f}" y="{i * 26 + 17}">{value:.2f}</text>'
        for i, (name, value) in enumerate(parts)
    )
    height = len(parts) * 26
    return (
        "<h2>The parts of the score</h2>"
        f'<figure><svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-label="Parts of the score">{bars}</svg></figure>'
    )


def _histogram(
    values: Sequence[float], *, low: float, high: float, marks: Sequence[tuple[float, str]], what: str
) -> str:
    """Draw how many lists fall into each of twenty bars."""
    if not values:
        return "<p>There are no lists to show.</p>"
    n_bars = 20
    span = (high - low) or 1.0
    counts = [0] * n_bars
    for value in values:
        counts[min(max(int((value - low) / span * n_bars), 0), n_bars - 1)] += 1
    most = max(counts)
    inner = _WIDTH - _LEFT - _RIGHT
    floor = _HEIGHT - _BOTTOM
    step, bar = inner / n_bars, span / n_bars
    bars = "".join(
        f'<rect class="a" x="{_LEFT + i * step + 1:.1f}" y="{floor - count / most * (floor - 22):.1f}" '
        f'width="{step - 2:.1f}" height="{count / most * (floor - 22):.1f}" rx="2">'
        f"<title>{count} lists at {low + i * bar:.2f} to {low + (i + 1) * bar:.2f}</title></rect>"
        for i, count in enumerate(counts)
    )
    ticks = "".join(
        f'<text x="{_LEFT + share * inner:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{low + share * span:.{0 if high > 2 else 2}f}</text>"
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    lines = "".join(
        f'<line class="mark" x1="{_LEFT + (at - low) / span * inner:.1f}" '
        f'x2="{_LEFT + (at - low) / span * inner:.1f}" y1="16" y2="{floor}"/>'
        f'<text x="{_LEFT + (at - low) / span * inner + 4:.1f}" y="14">{escape(label)}</text>'
        for at, label in marks
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{len(values)} lists by {escape(what)}">'
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{floor}" y2="{floor}"/>'
        f'<text x="{_LEFT - 6}" y="26" text-anchor="end">{most}</text>'
        f'<text x="{_LEFT - 6}" y="{floor}" text-anchor="end">0</text>{bars}{ticks}{lines}</svg></figure>'
    )


def _table(lists: Sequence[ListQuality]) -> str:
    """Every list in one row."""
    rows = "".join(
        f"<tr><td>{escape(q.name)}</td><td>{q.n_songs}</td><td>{q.n_artists}</td><td>{q.coherence:.2f}</td>"
        f"<td>{q.step_cost:.2f}</td><td>{q.shuffled_step_cost:.2f}</td><td>{_percent(q.kept_share)}</td></tr>"
        for q in lists
    )
    return (
        "<h2>Every list</h2><div class='scroll'><table><thead><tr><th>Playlist</th><th>Songs</th>"
        "<th>Artists</th><th>Coherence</th><th>Step</th><th>Shuffled</th><th>Stayed</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
