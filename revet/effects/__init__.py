"""What actions do to the world, as far as it can be known before they are carried out.

Everything here is standard library alone and quick to import: the gate answers a hook within the time of one process.
"""

from __future__ import annotations

from revet.effects.model import Analysis, Basis, Effect, EffectKind, Place

__all__ = ["Analysis", "Basis", "Effect", "EffectKind", "Place"]
