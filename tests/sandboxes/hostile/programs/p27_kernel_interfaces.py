"""The parts of the kernel where the holes are found: key rings, BPF, perf, userfaultfd, io_uring."""

from tests.sandboxes.hostile.programs.kit import attempt, call, ctypes, say

text = ctypes.create_string_buffer
attributes = text(bytes([1, 0, 0, 0, 112, 0, 0, 0]) + bytes(120))
attempt("keyctl", lambda: call("keyctl", 0, -3, 1))
attempt("session key ring", lambda: call("keyctl", 1, None))
attempt("add_key", lambda: call("add_key", text(b"user"), text(b"mine"), text(b"x"), 1, -3))
attempt(
    "bpf map", lambda: call("bpf", 0, text(bytes([2, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0]) + bytes(64)), 72)
)
attempt("perf", lambda: call("perf_event_open", attributes, 0, -1, -1, 0))
attempt("userfaultfd", lambda: call("userfaultfd", 0))
attempt("userfaultfd, user mode", lambda: call("userfaultfd", 1))
attempt("io_uring", lambda: call("io_uring_setup", 4, text(120)))
attempt("memfd_secret", lambda: call("memfd_secret", 0))
attempt("module", lambda: call("init_module", text(b"x"), 1, text(b"")))
attempt("kexec", lambda: call("kexec_load", 0, 0, None, 0))
attempt("reboot", lambda: call("reboot", 0xFEE1DEAD, 672274793, 0, None))
attempt("swapon", lambda: call("swapon", text(b"/tmp/x"), 0))
say("tried")
