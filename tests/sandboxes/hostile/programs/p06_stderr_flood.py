"""Writes to standard error for ever, with standard output unread between."""

import os

os.write(1, b"0123456789" * 1000)
while True:
    os.write(2, b"0123456789" * 1000)
