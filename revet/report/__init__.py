"""What a person looks at: runs on a terminal, while they go on and afterwards."""

from revet.report.ended import Ended
from revet.report.lines import json_line
from revet.report.live import LiveReport, PlainReport, QuietReport, Reporter, reporter_for
from revet.report.show import print_run
from revet.report.summary import check_summary, print_batch, write_summary
from revet.report.tally import Tally
from revet.report.terminal import diff_text, make_console, print_runs, print_summary

__all__ = [
    "Ended",
    "LiveReport",
    "PlainReport",
    "QuietReport",
    "Reporter",
    "Tally",
    "check_summary",
    "diff_text",
    "json_line",
    "make_console",
    "print_batch",
    "print_run",
    "print_runs",
    "print_summary",
    "reporter_for",
    "write_summary",
]
