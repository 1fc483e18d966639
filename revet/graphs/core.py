"""The loop: propose → stage → examine → criticise → gate → commit, revise, choose, ask or abstain.

Every published method is a variation on this one graph. The nodes are in `nodes`, the wiring is here. The edges are
coroutines, for LangGraph runs plain functions in a thread.
"""

from __future__ import annotations

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from revet.graphs import choosing, nodes, person
from revet.graphs.repeated import earlier
from revet.graphs.state import Context, State
from revet.graphs.tracing import step
from revet.policy import Policy
from revet.schema import DecisionKind

__all__ = ["build", "recursion_limit"]


def build() -> StateGraph[State, Context, State, State]:
    """The core loop, not yet compiled. Run it with a `Context`."""
    graph = StateGraph(State, context_schema=Context)
    graph.add_node("prepare", step(nodes.prepare))
    graph.add_node("propose", step(nodes.propose))
    graph.add_node("stage", step(nodes.stage))
    graph.add_node("examine", step(nodes.examine))
    graph.add_node("criticise", step(nodes.criticise))
    graph.add_node("gate", step(nodes.gate))
    graph.add_node("revise", step(nodes.revise))
    graph.add_node("choose", step(choosing.choose))
    graph.add_node("ask", step(person.ask))
    graph.add_node("listen", step(person.listen))
    graph.add_node("commit", step(nodes.commit))
    graph.add_node("finish", step(nodes.finish))

    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "propose")
    for writer in ("propose", "revise"):
        graph.add_conditional_edges(writer, _after_writing, ["stage", "gate"])
    graph.add_edge("stage", "examine")
    graph.add_edge("examine", "criticise")
    graph.add_edge("criticise", "gate")
    graph.add_conditional_edges("gate", _after_gate, ["commit", "revise", "choose", "ask", "finish"])
    graph.add_conditional_edges("choose", choosing.after_choice, ["gate", "examine", "finish"])
    graph.add_edge("ask", "listen")
    graph.add_conditional_edges("listen", person.after_person, ["commit", "revise", "stage", "ask", "finish"])
    graph.add_conditional_edges("commit", _after_commit, ["finish", "examine"])
    graph.add_edge("finish", END)
    return graph


async def _after_writing(state: State, runtime: Runtime[Context]) -> str:
    """A draft equal to one that was refused is not examined again, and nothing is not examined at all."""
    draft = state["draft"]
    assert draft is not None
    return "gate" if draft.gives_up or earlier(state["attempts"], draft, runtime.context) else "stage"


async def _after_gate(state: State) -> str:
    decision = state["decision"]
    assert decision is not None
    onward = (DecisionKind.commit, DecisionKind.revise, DecisionKind.choose, DecisionKind.ask)
    return decision.kind.value if decision.kind in onward else "finish"


async def _after_commit(state: State) -> str:
    """The world moved under the draft: what it would make now is staged, and must be examined again (I2)."""
    decision = state["decision"]
    ended = decision is not None and decision.kind in (DecisionKind.abstain, DecisionKind.answer)
    return "finish" if state["receipt"] is not None or ended else "examine"


def recursion_limit(policy: Policy) -> int:
    """Supersteps that the loop can need: eight a round, and as many again for a world that moves each time."""
    return 16 * (policy.rounds + 2) + 12
