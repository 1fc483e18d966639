"""Trial and error with words: tests of one's own, reflections on what failed, and remembering them."""

from __future__ import annotations

from revet.agents.reflexion.memory import REFLECTION, Reflections, reflections_of
from revet.agents.reflexion.reflecting import Reflector
from revet.agents.reflexion.testing import SaidTests, Tester

__all__ = ["REFLECTION", "Reflections", "Reflector", "SaidTests", "Tester", "reflections_of"]
