"""Suites about critics, on critiques and labels that others published: what Revet's tools, or a model, find of it.

Each module has ``open_suite``. A draft, a solution or a critique is examined, never revised: what a critique is worth
to who revises is not measured here. Labels are read only to count. Where a tool cannot judge, it abstains, and how
often it does is a figure (`critic_coverage`). The option ``model=provider:name`` (with ``base_url``) asks a language
model in place of the tools, on the same rows. Models that the authors logged are figures named ``logged/WHO…``.
"""

from __future__ import annotations

__all__: list[str] = []
