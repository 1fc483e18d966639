"""socat, nc, telnet: what they do is what is said to the other side, which is known only where the text is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from revet.effects.model import Effect
from revet.effects.shell.call import Call

__all__ = ["examine"]

_ASKS = re.compile(
    r"^(?:show|get|help|info|stats?|ruok|stat|srvr|mntr|conf|cons|dump|envi|ping|version|status|list|quit|exit|PING|INFO|GET|HEAD|EHLO|HELO|NOOP|QUIT|Host:|Connection:|Accept|User-Agent)\b",
    re.IGNORECASE,
)
_RUNS = re.compile(r"(?:^|,|\b)(?:EXEC|SYSTEM|SHELL):", re.IGNORECASE)


def examine(call: Call) -> Sequence[Effect] | None:
    """None where nothing of what is said is known."""
    if any(_RUNS.search(word.text) for word in call.operands) or call.has("-e", "--exec", "-c", "--sh-exec"):
        return (
            call.effect(
                "unknown", "hands a connection to a program: {target}", " ".join(w.text for w in call.operands)
            ),
        )
    if call.name != "socat" and call.has("-l", "--listen"):
        return (call.effect("service", "listens for connections", id="listen"),)
    if call.name != "socat" and call.has("-z"):
        return (call.effect("fetch", "looks whether {target} listens", call.operands[0] if call.operands else None),)
    text = call.invocation.stdin
    if text is None or not text.known:
        if call.invocation.piped_from is not None or call.invocation.redirections:
            return None
        return (
            call.effect("fetch", "connects to {target}", call.operands[0] if call.operands else None, possible=True),
        )
    lines = [line for line in re.split(r"[\n;\r]|\\r|\\n", text.text) if line.strip()]
    if all(_ASKS.match(line.strip()) for line in lines):
        return (call.effect("fetch", "asks {target}", call.operands[-1] if call.operands else None, id="asks"),)
    return (call.effect("service", f"tells a service: {' / '.join(lines)[:100]}", place="remote", id="commands"),)
