"""What the host and the warm interpreter say to each other, the same on both sides.

On the control socket, from the interpreter: `READY` with a number, and four descriptors: the fork's socket, the
reading ends of its standard output and standard error, and a handle of its namespace's first process; `ENDED` with
the number, when the whole namespace is dead; `TROUBLE` with words, when it cannot go on.

On a fork's socket, from the host: an `ORDER`, the code, its data as JSON, the variable's name, and the secret; back
comes the record (see ``snippet.py``).
"""

from __future__ import annotations

import struct

READY, ENDED, TROUBLE = b"r", b"e", b"t"
START = struct.Struct("=cI")
# The number; the wait status; the CPU seconds of the process and of its children that it waited for.
END = struct.Struct("=cIid")
# The sizes of code, data and name; whether these come by a descriptor; whether there is one for standard input;
# the limits: memory, cpu_seconds, processes, file_size, open_files.
ORDER = struct.Struct("=QQI??QQQQQ")
DESCRIPTORS = struct.Struct("=4i")
KEY_BYTES = 8
FORKS = 2  # kept ready, or running
# The calls that only the server may make: mount, unshare, setns.
SYSTEM_CALLS = {"x86_64": (165, 272, 308), "aarch64": (40, 97, 268)}
