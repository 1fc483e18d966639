"""Output that is no text: every byte, broken UTF-8, NUL, on both streams."""

import os
import sys

EVERY = bytes(range(256)) * 16
os.write(1, EVERY)
os.write(2, b"\xff\xfe\x00" + EVERY[::-1])
sys.stdout.buffer.write(b"\xc3\x28\xed\xa0\x80\xf8\r\n\r")
sys.stdout.buffer.flush()
