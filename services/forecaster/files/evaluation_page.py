"""The page of an evaluation: one file with its figures and charts, which loads nothing."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from services.forecaster.files import charts
from shared.contracts.evaluations import EvaluationDocument, SliceScores
from shared.domain.time import format_instant

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#222;max-width:62rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.6rem 0}td,th{padding:.15rem .8rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}tr.model{font-weight:600}
.charts{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;flex:1 1 26rem}figcaption{color:#555}
svg{width:100%;font-size:11px;fill:#444}.legend b{display:inline-block;width:1em;height:.35em;margin:0 .4em .15em 0}
.legend span{margin-right:1.2em}
"""


def evaluation_page(evaluations: Mapping[str, Sequence[EvaluationDocument]], *, notes: Iterable[str] = ()) -> str:
    """HTML of the evaluations by site, with notes on what could not be evaluated."""
    sections = [_section(site_id, document) for site_id, documents in evaluations.items() for document in documents]
    remarks = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evaluation of forecasts</title>'
        f"<style>{STYLE}</style></head><body><h1>Evaluation of forecasts</h1>"
        "<p>Rolling origin: every model forecasts days that it had not seen, from what was known at each issue. Baselines are scored on "
        "the same steps. Weather counts as known in advance only where the features hold it as it was forecast then.</p>"
        f"{remarks}{''.join(sections)}</body></html>\n"
    )


def _section(site_id: str, document: EvaluationDocument) -> str:
    skill = "not defined" if document.skill is None else f"{100 * document.skill:.1f} %"
    facts = (
        f"{document.test_days} test days up to {format_instant(document.evaluated_at)}, an issue every {document.issue_every_hours} h. "
        f"Skill over {document.best_baseline}, the best baseline: {skill}. Verdict: {document.verdict}."
    )
    names = [forecaster.name for forecaster in document.forecasters]
    return (
        f"<h2>{escape(site_id)}: {escape(document.target)}</h2><p>{escape(facts)}</p>{_table(document)}"
        f'{charts.legend(names)}<div class="charts">{"".join(_figures(document))}</div>'
    )


def _table(document: EvaluationDocument) -> str:
    heads = ("forecaster", f"pinball, {document.unit}", f"MAE, {document.unit}", "nMAE", "80 % band holds", "its width", "steps")
    rows = []
    for forecaster in document.forecasters:
        score = forecaster.whole
        figures = (_number(score.pinball), _number(score.mae), _percent(score.nmae), _percent(score.coverage_80), _number(score.width_80))
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in (forecaster.name, *figures, str(score.steps)))
        rows.append(f'<tr class="{"model" if forecaster.name == "model" else "baseline"}">{cells}</tr>')
    return f"<table><tr>{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr>{''.join(rows)}</table>"


def _figures(document: EvaluationDocument) -> Iterable[str]:
    unit = document.unit
    yield _figure(
        "Pinball loss by lead time",
        _by_slice({each.name: each.by_lead for each in document.forecasters}, x_title="hours ahead", y_title=f"pinball, {unit}"),
    )
    yield _figure(
        "Pinball loss by hour of the day",
        _by_slice({each.name: each.by_hour for each in document.forecasters}, x_title="local hour", y_title=f"pinball, {unit}"),
    )
    calibration = document.calibration
    told = list(zip(calibration.levels, calibration.observed, strict=True))
    diagonal = [(level, level) for level in (0.0, *calibration.levels, 1.0)]
    ticks = [(level, f"{level:g}") for level in (0.0, 0.25, 0.5, 0.75, 1.0)]
    reliability = charts.lines({"observed": told, "calibrated": diagonal}, x_title="level", y_title="share below", ticks=ticks, top=1.0)
    yield _figure("Reliability: the share of outcomes at or below each quantile; the thin line is perfect", reliability)
    pit = charts.bars(calibration.pit_edges, calibration.pit_density, x_title="quantile level", y_title="density", reference=1.0)
    yield _figure("PIT histogram: 1 throughout is calibrated, high edges mean bands that are too narrow", pit)


def _by_slice(every: Mapping[str, Sequence[SliceScores]], *, x_title: str, y_title: str) -> str:
    labels = list(dict.fromkeys(each.label for slices in every.values() for each in slices))
    series = {name: [(float(labels.index(each.label)), each.pinball) for each in slices] for name, slices in every.items()}
    thin = max(1, len(labels) // 8)
    ticks = [(float(at), label.removesuffix(" h")) for at, label in enumerate(labels) if at % thin == 0]
    return charts.lines(series, x_title=x_title, y_title=y_title, ticks=ticks)


def _figure(caption: str, chart: str) -> str:
    return f"<figure>{chart}<figcaption>{escape(caption)}</figcaption></figure>"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
