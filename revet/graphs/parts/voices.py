"""Further language models that a recipe's options name."""

from __future__ import annotations

from revet.errors import InputError
from revet.graphs.team import Roles
from revet.models import LanguageModel
from revet.policy import Policy

__all__ = ["loaded"]


def loaded(roles: Roles, name: str, recipe: str, policy: Policy) -> LanguageModel:
    """The model of that name. Raises `InputError` or `MissingDependency`, before anything runs, if there is none, or
    if the policy limits a cost that nobody knows."""
    if roles.load is None:
        raise InputError(f"the recipe {recipe} cannot load the model {name}", hint="cast it with Roles(load=…)")
    model = roles.load(name)
    if policy.cost is not None and not model.priced:
        raise InputError(
            f"the policy limits the cost, and what {model.name} costs is not known",
            hint="limit tokens instead, or give a `Library(prices=Prices(input=…, output=…))`",
        )
    return model
