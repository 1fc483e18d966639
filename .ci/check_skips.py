"""Fail if the test run skipped anything that is not on the list of allowed skips.

Usage: check_skips.py PYTEST-LOG ALLOWED
"""

import re
import sys
from pathlib import Path


def main() -> int:
    log, allowed = (Path(argument).read_text(encoding="utf-8") for argument in sys.argv[1:3])
    patterns = [line.strip() for line in allowed.splitlines() if line.strip() and not line.startswith("#")]
    skips = [line for line in log.splitlines() if line.startswith("SKIPPED ")]
    refused = [line for line in skips if not any(pattern in line for pattern in patterns)]
    summary = re.findall(r"(\d+) skipped", log)
    if summary and not skips:
        refused.append(f"{summary[-1]} tests were skipped and pytest did not say which: run it with -ra")
    if not re.search(r"\d+ passed", log):
        refused.append("no test passed: did the tests run?")
    for line in refused:
        print(f"not allowed: {line}", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
