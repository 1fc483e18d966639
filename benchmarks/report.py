"""What a run's page costs: its size, the time to write it, and the time until it can be read in Chromium.

The run is made up: in each round other lines change and some of 60 tests fail, each with a trace of 80 lines, as a
search leaves it. A page is opened from a file in headless Chromium, offline, in a context of its own; it can be read
when it has been laid out and drawn once (the second animation frame after ``load``). An empty page is opened in turn
with it: what is left of the time is the page's own, and less of it is noise where other programs run beside.

    python benchmarks/report.py --repeats 9
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from markupsafe import Markup

from revet.report.html import page, run_page
from tests.browser_support import CHROMIUM
from tests.report.html.samples import long_run

DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def opened(browser: Any, file: Path) -> float:
    """Milliseconds until the page can be read."""
    context = browser.new_context(offline=True)
    view = context.new_page()
    start = time.perf_counter()
    view.goto(file.as_uri())
    view.evaluate(DRAWN)
    took = 1000 * (time.perf_counter() - start)
    context.close()
    return took


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, nargs="+", default=[10, 200, 1000])
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("no Chromium here: install it, or name its program in $CHROMIUM")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        empty = Path(folder, "empty.html")
        empty.write_text(page("empty", Markup("<h1>empty</h1>")), encoding="utf-8")
        opened(browser, empty)
        print("rounds    size  written  opened (empty page)  elements")
        for rounds in given.rounds:
            run = long_run(rounds)
            start = time.perf_counter()
            text = run_page(run)
            written = time.perf_counter() - start
            file = Path(folder, f"{rounds}.html")
            file.write_text(text, encoding="utf-8")
            pairs = [(opened(browser, file), opened(browser, empty)) for _ in range(given.repeats)]
            took, nothing = (statistics.median(times) for times in zip(*pairs, strict=True))
            size, elements = len(text.encode()) / 1e6, text.count("<") - text.count("</")
            print(f"{rounds:6}  {size:4.1f} MB  {written:5.2f} s  {took:4.0f} ms ({nothing:3.0f} ms)  {elements:14,}")
        browser.close()


if __name__ == "__main__":
    main()
