"""What a terminal shows after it was sent some text: enough of a terminal for what `rich` sends."""

from __future__ import annotations

import re

__all__ = ["screen"]

_TOKENS = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|(\n)|(\r)|([^\x1b\n\r])")


def screen(sent: str, width: int) -> list[str]:
    """The lines above and on the screen, without trailing blanks. A line that is too long goes on in the next."""
    lines: list[list[str]] = [[]]
    row = column = 0
    for match in _TOKENS.finditer(sent):
        argument, command, newline, back, character = match.groups()
        if newline:
            row, column = row + 1, 0
        elif back:
            column = 0
        elif command == "A":
            row = max(0, row - int(argument or 1))
        elif command == "K" and argument == "2":
            lines[row] = []
        elif character:
            if column == width:
                row, column = row + 1, 0
            while len(lines) <= row:
                lines.append([])
            lines[row] += [" "] * (column + 1 - len(lines[row]))
            lines[row][column] = character
            column += 1
        while len(lines) <= row:
            lines.append([])
    shown = ["".join(line).rstrip() for line in lines]
    while shown and not shown[-1]:
        shown.pop()
    return shown
