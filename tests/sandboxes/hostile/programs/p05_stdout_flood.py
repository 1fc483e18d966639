"""Writes to standard output for ever."""

import os

while True:
    os.write(1, b"0123456789" * 1000)
