"""Self-Contrast's roles: who thinks of perspectives, who writes from one, who contrasts two results."""

from revet.agents.contrast.contraster import PERSPECTIVES, Contraster
from revet.agents.contrast.writers import written_from

__all__ = ["PERSPECTIVES", "Contraster", "written_from"]
