"""What real models did, played through the loop: what it finds, refuses, stops at and chooses.

Every suite is a module with `open_suite`. The loop sees only what the model's own environment would have shown; labels,
hidden tests, rewards and the words of oracles are read to judge, when the loop has ended. A recorded draft was written
without our critique, so no figure here says that our critique makes the next draft better.
"""

from revet.evals.replay.playing import Playback, Recorded, Replayed, trial_of

__all__ = ["Playback", "Recorded", "Replayed", "trial_of"]
