"""Traces: OpenTelemetry spans of what a run does, by the conventions for generative AI. Off unless configured.

Every span is made with OpenTelemetry's API alone: a program that has set up its SDK gets them, in any other they cost
microseconds. The command line sets the SDK up itself, where the environment says where to (`exporting`).
"""

from __future__ import annotations

from revet.traces.export import exporting
from revet.traces.spans import (
    Given,
    attached,
    captures,
    clean,
    cleaned,
    fail,
    link,
    note,
    parent,
    span,
    spanned,
    whole,
)

__all__ = [
    "Given",
    "attached",
    "captures",
    "clean",
    "cleaned",
    "exporting",
    "fail",
    "link",
    "note",
    "parent",
    "span",
    "spanned",
    "whole",
]
