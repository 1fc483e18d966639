"""Waits for input."""

import os
import sys

from tests.sandboxes.hostile.programs.kit import say

say("read", len(sys.stdin.read()))
say("again", len(os.read(0, 10)))
