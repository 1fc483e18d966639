"""The doors beside the network: the container engine, abstract sockets of the host, the hypervisor, the kernel."""

import socket

from tests.sandboxes.hostile.programs.kit import attempt, data, say


def unix(address):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(address)


for path in (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/dbus/system_bus_socket",
):
    attempt(path, lambda path=path: unix(path))
attempt("socket of the host", lambda: unix(data["unix"]))
attempt("abstract socket of the host", lambda: unix("\0" + data["abstract"]))
attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM).connect((2, 1024)))
attempt("vsock socket", lambda: socket.socket(40, socket.SOCK_STREAM))
for family, name in ((16, "netlink"), (38, "crypto"), (17, "packet"), (31, "bluetooth"), (29, "can")):
    attempt(name, lambda family=family: socket.socket(family, socket.SOCK_RAW if family != 38 else 5))
say("tried")
