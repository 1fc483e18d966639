"""Calls out: TCP, UDP, names, the cloud's metadata, the host's own loopback."""

import socket

from tests.sandboxes.hostile.programs.kit import attempt, data, say


def tcp(family, *address):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        client.connect(address)


def udp(*address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"out", address)


attempt("tcp loopback", lambda: tcp(socket.AF_INET, "127.0.0.1", data["tcp"]))
attempt("tcp loopback 6", lambda: tcp(socket.AF_INET6, "::1", data["tcp"]))
attempt("tcp far", lambda: tcp(socket.AF_INET, "192.0.2.1", 80))
attempt("metadata", lambda: tcp(socket.AF_INET, "169.254.169.254", 80))
attempt("docker bridge", lambda: tcp(socket.AF_INET, "172.17.0.1", 80))
attempt("udp far", lambda: udp("192.0.2.1", 53))
attempt("name", lambda: socket.getaddrinfo("example.com", 80))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt("packet", lambda: socket.socket(17, socket.SOCK_RAW))
try:
    udp("127.0.0.1", data["udp"])
except OSError as error:
    say("udp loopback", str(error))
say("tried")
