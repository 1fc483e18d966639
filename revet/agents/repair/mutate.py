"""Every single-edit mutation of a Python file, best first; and combinations of two.

Proposals of the operators are cheap and unchecked; they are ordered first, and checked one by one as they are
asked for. A candidate is yielded only if the result parses, is another tree than the original, is the tree
that the operator meant (parentheses are added where precedence would make it another), and is new.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from revet.agents.repair.check import Checker, compiles
from revet.agents.repair.operators import Hints, Proposal, Site, operators_for
from revet.agents.repair.order import Order, arrange, best_pairs, check_order, shuffled, weight
from revet.agents.repair.patch import Candidate, Edit, apply, describe, overlap, token_distance, trim
from revet.agents.repair.syntax import FunctionNode, View
from revet.errors import InputError

__all__ = ["Candidate", "Hints", "candidates", "pairs"]

_SKIPPED = ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal | ast.pattern


def candidates(
    path: str,
    source: str,
    suspicion: Mapping[int, float] | None,
    *,
    hints: Hints | None = None,
    order: Order = "ranked",
    seed: int = 0,
) -> Iterator[Candidate]:
    """Every single mutation of `source`, deduplicated by the resulting text, lazily.

    `suspicion` maps lines to 0..1; lines it lacks come last. With None nothing is localised: prior and place
    decide. `order` ``source`` goes from the top of the file down, ``random`` shuffles by `seed`. The same
    input gives the same sequence. Raises `InputError` if `source` does not parse or `order` is unknown.
    """
    check_order(order)
    view = View(path, source)
    return _generate(view, suspicion, hints or Hints(), order, seed)


def _generate(
    view: View, suspicion: Mapping[int, float] | None, hints: Hints, order: Order, seed: int
) -> Iterator[Candidate]:
    site, checker = Site(view, hints), Checker(view)
    located = [(node, _suspicion(view, node, suspicion)) for node in _mutable_nodes(view)]
    if order == "ranked":  # the lines that no failing test ran are only looked at when all others are exhausted
        stages = [[n for n, score in located if score != 0.0], [n for n, score in located if score == 0.0]]
    else:
        stages = [[n for n, _ in located]]
    seen = {hash(view.source)}
    for stage in stages:
        proposals = _merged(p for node in stage for operator in operators_for(node) for p in operator(site, node))
        for promise, proposal in _ordered(view, proposals, suspicion, order, seed):
            if (edits := checker.settle(proposal)) is None:
                continue
            if (key := hash(apply(view.source, edits))) not in seen:
                seen.add(key)
                yield _candidate(view, proposal, edits, promise)


def _mutable_nodes(view: View) -> Iterator[ast.AST]:
    """The nodes that operators may look at: no annotations, decorators, patterns, insides of f-strings."""
    stack: list[ast.AST] = [view.tree]
    while stack:
        node = stack.pop()
        if isinstance(node, _SKIPPED) and not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        yield node
        children: list[ast.AST] = []
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_comment", "pattern", "type_params"):
                continue
            children += (
                [c for c in (value if isinstance(value, list) else [value]) if c in view.parents]
                if value is not None
                else []
            )
        stack.extend(reversed(children))


def _suspicion(view: View, node: ast.AST, suspicion: Mapping[int, float] | None) -> float | None:
    """The highest score on the lines of the node's statement (of its header, if it is a block)."""
    if suspicion is None:
        return None
    statement = view.statement(node)
    if statement is None:
        return 0.0
    if isinstance(statement, FunctionNode):  # a guard or a default: as suspicious as what it would protect
        first, last = statement.lineno, statement.body[-1].end_lineno or statement.lineno
        return 0.7 * max((suspicion.get(line, 0.0) for line in range(first, last + 1)), default=0.0)
    inner = [
        s.lineno
        for name in ("body", "orelse", "handlers", "cases")
        for s in getattr(statement, name, [])[:1]
        if hasattr(s, "lineno")
    ]
    last = statement.end_lineno or statement.lineno
    if inner:
        last = max(statement.lineno, min(inner) - 1)
    score = max((suspicion.get(line, 0.0) for line in range(statement.lineno, last + 1)), default=0.0)
    return max(score, 0.0)


def _merged(proposals: Iterator[Proposal]) -> list[Proposal]:
    """Proposals of the same edits made one: the likelier stands."""
    best: dict[tuple[Edit, ...], Proposal] = {}
    for proposal in proposals:
        key = proposal.edits
        if key not in best or best[key].prior < proposal.prior:
            best[key] = proposal
    return list(best.values())


def _ordered(
    view: View, proposals: list[Proposal], suspicion: Mapping[int, float] | None, order: Order, seed: int
) -> list[tuple[float, Proposal]]:
    scores: dict[ast.AST, float | None] = {}

    def place(p: Proposal) -> int:
        return p.edits[0].start

    def weigh(p: Proposal) -> float:
        if p.node not in scores:
            scores[p.node] = _suspicion(view, p.node, suspicion)
        return weight(p.prior, _rough_size(view, p), scores[p.node])

    if order == "random":
        return [(weigh(p), p) for p in shuffled(proposals, seed)]
    if order == "source":
        return [(weigh(p), p) for p in sorted(proposals, key=place)]
    return arrange(proposals, weigh=weigh, group=lambda p: (p.operator, getattr(p.node, "lineno", 0)), place=place)


def _rough_size(view: View, proposal: Proposal) -> int:
    """About how many tokens change, without the cost of the exact distance."""
    total = 0
    for edit in proposal.edits:
        small = trim(view.source, edit)
        total += max(small.end - small.start, len(small.text)) // 4 + 1
    return total


def _candidate(view: View, proposal: Proposal, edits: tuple[Edit, ...], weight: float) -> Candidate:
    return Candidate(
        path=view.path,
        edits=edits,
        operator=proposal.operator,
        line=_line(view, edits[0].start),
        description=describe(view.source, edits),
        size=sum(_size(view.source, e) for e in edits),
        prior=min(1.0, proposal.prior),
        weight=weight,
        function=_function_of(view, proposal.node, edits),
    )


def _size(source: str, edit: Edit) -> int:
    """Distance in whole tokens: the edit is widened to token borders first."""
    start, end = edit.start, edit.end
    while start and _inside(source, start):
        start -= 1
    while end < len(source) and _inside(source, end):
        end += 1
    new = source[start : edit.start] + edit.text + source[edit.end : end]
    return token_distance(source[start:end], new)


def _inside(source: str, offset: int) -> bool:
    """True if a word runs over the offset."""
    around = source[offset - 1 : offset + 1]
    return len(around) == 2 and all(char.isalnum() or char == "_" for char in around)


def _line(view: View, offset: int) -> int:
    low, high = 0, len(view.starts)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if view.starts[middle] <= offset else (low, middle)
    return low + 1


def _function_of(view: View, node: ast.AST, edits: Sequence[Edit]) -> str | None:
    """The function whose body holds all edits; None if its name is bound twice, which makes it ambiguous."""
    root = view.outermost(node)
    if not isinstance(root, FunctionNode):
        return None
    first = view.span(root.body[0])[0]
    start, end = view.line_start(first), view.line_end(view.span(root.body[-1])[1])
    header = view.source[start:first].strip()
    if header:
        start = first
    if any(e.start < start or e.end > view.next_line(end) for e in edits):
        return None
    name = view.qualified(root)
    twins = sum(
        1 for n in view.order if isinstance(n, FunctionNode) and n.name == root.name and view.qualified(n) == name
    )
    return name if twins == 1 else None


def pairs(
    path: str,
    source: str,
    singles: Sequence[Candidate],
    *,
    first: Sequence[Candidate] = (),
    budget: int = 10_000,
) -> Iterator[Candidate]:
    """Combinations of two singles of the same file, best first, lazily, at most `budget`.

    `first` are singles that made progress alone (they turned some failing tests and broke none), best first:
    they are combined with all others before the others are combined among themselves. All results parse, no
    two are equal, and none equals a single. Raises `InputError` if a candidate is of another file.
    """
    if any(c.path != path for c in (*first, *singles)):
        raise InputError(f"candidates of another file than {path} cannot be combined on it")
    members = list(dict.fromkeys((*first, *singles)))
    boost = 100.0 * max((c.weight for c in members), default=1.0)
    weights = [c.weight + (boost / (1 + i) if i < len(first) else 0.0) for i, c in enumerate(members)]
    seen = {hash(source), *(hash(apply(source, c.edits)) for c in members)}
    made = 0
    for i, j in best_pairs(weights):
        if made >= budget:
            return
        left, right = sorted((members[i], members[j]), key=lambda c: c.edits)
        if overlap(left.edits, right.edits):
            continue
        text = apply(source, left.edits + right.edits)
        if hash(text) not in seen and compiles(text.removeprefix("\ufeff")):
            seen.add(hash(text))
            made += 1
            yield _combined(source, left, right, weights[i] * weights[j])


def _combined(source: str, left: Candidate, right: Candidate, weight: float) -> Candidate:
    edits = tuple(sorted(left.edits + right.edits))
    return Candidate(
        path=left.path,
        edits=edits,
        operator=left.operator if left.operator == right.operator else f"{left.operator}+{right.operator}",
        line=min(left.line, right.line),
        description=describe(source, edits),
        size=left.size + right.size,
        prior=left.prior * right.prior,
        weight=weight,
        function=left.function if left.function == right.function else None,
    )
