"""The pages of evaluations, written to a file that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from revet.cli import html_page
from revet.evals.comparing import Contrast
from revet.evals.evaluation import Evaluation
from revet.evals.picture import picture
from revet.evals.suites import filled, suites
from revet.evals.trial import Trial

__all__ = ["check_page", "write_comparison", "write_suite"]


def check_page(html: Path | None) -> None:
    """Raise `InputError` for a file that cannot be written, or is no page, before anything is played."""
    if html is not None:
        html_page.check_page(html)


def write_suite(html: Path, evaluation: Evaluation, trials: Sequence[Trial]) -> None:
    """Tables and plots of one evaluation."""
    from revet.report.html.suite import suite_page

    known = suites().get(evaluation.suite)
    beside = None if known is None else filled(known, evaluation)
    _write(html, suite_page(evaluation, trials, known=beside, picture=picture(trials)))


def write_comparison(html: Path, found: Contrast, one: Sequence[Trial], other: Sequence[Trial]) -> None:
    """Two evaluations side by side."""
    from revet.report.html.suite import comparison_page

    _write(html, comparison_page(found.first, found.second, one, other, found))


def _write(html: Path, page: str) -> None:
    html_page.put_page(page, html)
    typer.echo(f"Written: {html}", err=True)
