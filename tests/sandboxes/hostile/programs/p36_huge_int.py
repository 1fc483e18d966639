"""One conversion of a number to text that takes hours, in C, where no Python signal handler runs."""

import sys

from tests.sandboxes.hostile.programs.kit import say

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
say("started")
number = 1 << (1 << 26)
say("length", len(str(number)))
