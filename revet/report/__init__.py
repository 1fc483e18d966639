"""What a person looks at: runs on a terminal, while they go on and afterwards."""

from revet.report.ended import Ended
from revet.report.lines import json_line
from revet.report.live import LiveReport, PlainReport, Reporter, reporter_for
from revet.report.show import print_run
from revet.report.terminal import diff_text, make_console, print_runs, print_summary

__all__ = [
    "Ended",
    "LiveReport",
    "PlainReport",
    "Reporter",
    "diff_text",
    "json_line",
    "make_console",
    "print_run",
    "print_runs",
    "print_summary",
    "reporter_for",
]
