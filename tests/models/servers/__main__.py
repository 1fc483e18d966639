"""Serve until killed: prints the URL. POST a list of faults to /faults, for example ``[{"status": 429}, null]``."""

from __future__ import annotations

import argparse
import threading

from tests.models.servers.server import ModelServer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--seconds", type=float, default=0.0, help="how long each answer takes")
given = parser.parse_args()
with ModelServer(seconds=given.seconds, port=given.port) as server:
    print(server.url, flush=True)
    threading.Event().wait()
