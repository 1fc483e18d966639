"""A million tiny files."""

from tests.sandboxes.hostile.programs.kit import attempt, say

made = 0


def litter():
    global made
    for number in range(1_000_000):
        open("tiny%d" % number, "wb").close()
        made += 1


attempt("litter", litter)
say("made", made)
