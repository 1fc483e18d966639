"""How the vocabulary looks in a notebook: the reports know, and are found when a cell shows something."""

from __future__ import annotations

import importlib

__all__ = ["Displayed"]


class Displayed:
    """Gives a model IPython's rich display (``_repr_html_``). Its `repr` stays what every other place shows."""

    def _repr_html_(self) -> str:
        # The reports are far above the vocabulary, which may not import them: only their name stands here, as it would
        # in an entry point. Nothing is loaded unless a notebook asks.
        html: str = importlib.import_module("revet.report.notebook").html_of(self)
        return html
