"""Metrics: functions from the trials of a suite to an `Estimate`, each defined in its docstring with its source.

Intervals are bootstrapped over tasks: cases of one `Trial.task` are resampled together. What no case bears on has no
value, and its note says why; nothing is ever not-a-number.
"""

from __future__ import annotations

from revet.evals.metrics.critics import (
    critic_accuracy,
    critic_coverage,
    critic_f1,
    critic_precision,
    critic_recall,
    detection_rate,
    false_block_rate,
    localisation_accuracy,
    miss_rate,
    suggestion_accuracy,
)
from revet.evals.metrics.flows import (
    accuracy,
    accuracy_by_round,
    confidence_score,
    correction_success_rate,
    critique_score,
    critique_value,
    first_accuracy,
    flows,
    improvement_slope,
    over_correction_risk_rate,
    revision_rate,
    right_to_wrong,
    wrong_to_right,
)
from revet.evals.metrics.selective import (
    RiskCoverage,
    abstention,
    broken_off,
    correct_commits,
    coverage,
    false_commits,
    false_commits_of_cases,
    over_budget_ratio,
    risk_coverage,
    selective_risk,
)
from revet.evals.metrics.spending import cost_per_solved, seconds_per_solved, tokens_per_solved
from revet.evals.metrics.turns import (
    feedback_gain,
    gain_per_turn,
    mrr,
    recall_by_turn,
    recall_over_turns,
    recovery_rate,
)

__all__ = [
    "RiskCoverage",
    "abstention",
    "accuracy",
    "accuracy_by_round",
    "broken_off",
    "confidence_score",
    "correct_commits",
    "correction_success_rate",
    "cost_per_solved",
    "coverage",
    "critic_accuracy",
    "critic_coverage",
    "critic_f1",
    "critic_precision",
    "critic_recall",
    "critique_score",
    "critique_value",
    "detection_rate",
    "false_block_rate",
    "false_commits",
    "false_commits_of_cases",
    "feedback_gain",
    "first_accuracy",
    "flows",
    "gain_per_turn",
    "improvement_slope",
    "localisation_accuracy",
    "miss_rate",
    "mrr",
    "over_budget_ratio",
    "over_correction_risk_rate",
    "recall_by_turn",
    "recall_over_turns",
    "recovery_rate",
    "revision_rate",
    "right_to_wrong",
    "risk_coverage",
    "seconds_per_solved",
    "selective_risk",
    "suggestion_accuracy",
    "tokens_per_solved",
    "wrong_to_right",
]
