"""The syntax tree walked in the order of execution: what each command would be, with what is known at that moment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal as Either

from revet.effects.shell.assignments import assign, hides_command
from revet.effects.shell.calls import call
from revet.effects.shell.expand import Expander, hidden_command
from revet.effects.shell.grammar import read
from revet.effects.shell.model import Invocation, Redirection, Word
from revet.effects.shell.reader import ASSIGNMENT, Budget
from revet.effects.shell.redirects import printed_to, redirected
from revet.effects.shell.state import State, Value, unknown
from revet.effects.shell.streams import succeeds, together
from revet.effects.shell.syntax import (
    AndOr,
    Case,
    Command,
    Coproc,
    Evaluation,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Sequence,
    Simple,
    Test,
    Unreadable,
    Walk,
)

__all__ = ["Context", "Walker"]

_MOST_INVOCATIONS = 4_000
_MOST_ROUNDS = 16  # a loop over this many known words is followed word by word
_DEEPEST = 40
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)")
_DECLARES = frozenset({"declare", "typeset", "local", "export", "readonly"})
_EVALUATING = frozenset({*_DECLARES, "test", "[", "read", "printf", "unset", "let", "wait", "mapfile", "readarray"})
_SPECIAL = frozenset({":", ".", "source", "eval", "exec", "export", "readonly", "set", "shift", "trap", "unset"})

Kind = Either["program", "builtin", "function", "assignment"]


@dataclass(frozen=True, slots=True)
class Context:
    """Where a command stands. `stdin` and `piped_from` as in `Invocation`; `calls` are the functions being called."""

    via: tuple[str, ...] = ()
    conditional: bool = False
    background: bool = False
    piped_from: int | None = None
    stdin: Word | None = None
    calls: tuple[str, ...] = ()


class Walker:
    """Collects invocations and doubts. Methods that walk something give what it prints, None if that is not known."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.found: list[Invocation] = []
        self.doubts: list[str] = []
        self.budget = Budget()
        self.called: set[str] = set()
        self.depth = 0
        self.exits: list[State] = []  # how things stood where a loop or a function was left
        self.consumed: list[Word] = []  # standard inputs that something has read from
        self.written: dict[str, int] = {}  # files written by the text, and the number of changes then
        self.changes = 0  # programs so far that may have changed files

    def doubt(self, sentence: str) -> None:
        if sentence not in self.doubts:
            self.doubts.append(sentence)

    def record(self, invocation: Invocation) -> int:
        if len(self.found) >= _MOST_INVOCATIONS:
            raise Unreadable(f"The command runs more than {_MOST_INVOCATIONS} programs.")
        self.found.append(invocation)
        return len(self.found) - 1

    def expander(self, context: Context) -> Expander:
        return Expander(self.state, lambda body, kind: self.substitution(body, kind, context), self.doubt)

    @contextmanager
    def within(self, state: State) -> Iterator[State]:
        """Another shell for a while: what it does to its variables ends with it."""
        outside, self.state = self.state, state
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unreadable(f"The command is nested more than {_DEEPEST} deep.")
        try:
            yield state
        finally:
            self.state = outside
            self.depth -= 1

    # -- texts -----------------------------------------------------------------------------------------------------

    def script(self, text: str, context: Context) -> str | None:
        """A text that is run as shell code in the present state."""
        try:
            tree = read(text, self.budget, self.depth // 2)
        except Unreadable as error:
            self.doubt(str(error))
            return None
        with self.within(self.state):
            return self.sequence(tree, context)

    def uncalled(self) -> None:
        """Functions that are defined and never called: what they would do is conditional."""
        for name, bodies in list(self.state.functions.items()):
            for body in bodies if name not in self.called else ():
                with self.within(self.state.copy()) as state:
                    state.positional = None
                    self.command(body, Context(conditional=True, calls=(name,)))

    def substitution(self, body: Sequence, kind: str, context: Context) -> str | None:
        """``$(…)``, ``<(…)``, ``>(…)``."""
        stdin = Word("", known=False) if kind == ">" else context.stdin
        inner = replace(context, stdin=stdin, piped_from=None if kind == ">" else context.piped_from)
        with self.within(self.state.copy()) as state:
            state.muffled = False
            return self.sequence(body, inner)

    # -- lists -----------------------------------------------------------------------------------------------------

    def sequence(self, node: Sequence, context: Context) -> str | None:
        printed: list[str | None] = []
        for item in node.items:
            if self.state.left and not context.conditional:
                context = replace(context, conditional=True)
            if item.background:
                with self.within(self.state.copy()):
                    printed.append(self._and_or(item.node, replace(context, background=True)))
            else:
                printed.append(self._and_or(item.node, context))
        return together(printed)

    def _and_or(self, node: AndOr, context: Context) -> str | None:
        start = len(self.found)
        printed = [self._pipeline(node.first, context)]
        failed: list[State] = []  # what comes after && finds things as they stand where nothing before it failed
        for number, (operator, right) in enumerate(node.rest):
            before = self.state.copy()
            if operator == "||" or any(p.negated for p in (node.first, *(p for _, p in node.rest[:number]))):
                self.state.join(failed)
            self.state.left = False
            if operator == "&&":
                failed.append(before)
                sure = all(succeeds(i) for i in self.found[start:])
                printed += [self._pipeline(right, context), "" if sure else None]
            else:
                printed += [self._pipeline(right, replace(context, conditional=True)), None]
                before.left = False
                self.state.merge(before)
        self.state.join(failed)
        return together(printed)

    def _pipeline(self, node: Pipeline, context: Context) -> str | None:
        if len(node.commands) == 1:
            return self.command(node.commands[0], context)
        printed: str | None = ""
        for number, command in enumerate(node.commands):
            before = len(self.found)
            with self.within(self.state.copy()) as state:
                printed = self.command(command, context)
            if number == len(node.commands) - 1:
                state.left = self.state.left
                self.state.merge(state)  # some shells run the last command themselves
            source = len(self.found) - 1 if len(self.found) > before else None
            stdin = Word(printed) if printed is not None else Word("", known=False)
            context = replace(context, piped_from=source, stdin=stdin)
        return printed

    # -- commands --------------------------------------------------------------------------------------------------

    def command(self, node: Command, context: Context) -> str | None:
        self.budget.spend()
        match node:
            case Simple():
                return self._simple(node, context)
            case Function():
                self.state.functions[node.name] = (node.body,)
                self.called.discard(node.name)
                return ""
            case Coproc():
                with self.within(self.state.copy()):
                    self.command(node.body, replace(context, background=True, stdin=Word("", known=False)))
                return ""
        redirections, context = redirected(self, node.redirects, context)
        if redirections:
            self.record(self.bare(redirections, context))
        printed = self._compound(node, context)
        return printed_to(self, printed, redirections)

    def _compound(self, node: Command, context: Context) -> str | None:
        match node:
            case Group(subshell=True):
                with self.within(self.state.copy()):
                    return self.sequence(node.body, context)
            case Group():
                return self.sequence(node.body, context)
            case If():
                self._if(node, context)
            case Loop():
                self._repeated(node.body, context, node.condition)
            case Walk():
                return self._for(node, context)
            case Case():
                self._case(node, context)
            case Test():
                self._test(node, context)
                return ""
            case Evaluation():
                self.expander(context).arithmetic(node.parts, node.raw)
                if self.state.posix:  # not arithmetic there, but two subshells
                    self.script(node.raw[2:-2], replace(context, conditional=True))
                return ""
        return None

    def _if(self, node: If, context: Context) -> None:
        ends: list[State] = []
        for number, (condition, body) in enumerate(node.branches):
            self.sequence(condition, replace(context, conditional=context.conditional or number > 0))
            with self.within(self.state.copy()) as state:
                self.sequence(body, replace(context, conditional=True))
                ends.append(state)
        if node.otherwise is not None:
            self.sequence(node.otherwise, replace(context, conditional=True))
        for end in ends:
            self.state.merge(end)

    def _case(self, node: Case, context: Context) -> None:
        expander = self.expander(context)
        expander.single(node.subject)
        ends: list[State] = []
        for number, (patterns, body) in enumerate(node.branches):
            for pattern in patterns:
                expander.single(pattern)
            with self.within(self.state.copy()) as state:
                if number and node.falls[number - 1]:
                    state.merge(ends[-1])
                self.sequence(body, replace(context, conditional=True))
                ends.append(state)
        for end in ends:
            self.state.merge(end)

    def _for(self, node: Walk, context: Context) -> str | None:
        expander = self.expander(context)
        if node.header is not None:
            expander.arithmetic(node.header, "")
            self._repeated(node.body, context)
            return None
        words: list[Word] | None = None
        if node.words is not None:
            words = [word for written in node.words for word in expander.words(written)]
        elif self.state.positional is not None:
            words = list(self.state.positional)
        settled = words is not None and all(w.known and not w.glob and not w.split for w in words)
        if words is not None and settled and len(words) <= _MOST_ROUNDS:
            printed: list[str | None] = []
            start = len(self.exits)
            for word in words:
                self.state.assign(node.name, Value(word.text))
                printed.append(self.sequence(node.body, context))
                self.state.left = False
            self.settle(start)
            return together(printed)
        text = words[0].text if words and len(words) == 1 and not words[0].split else "$" + node.name
        self.state.assign(node.name, Value(text, False))
        self._repeated(node.body, context)
        return None

    def _repeated(self, body: Sequence, context: Context, condition: Sequence | None = None) -> None:
        """A body that runs any number of times. What it changes is unknown when it begins again."""
        if context.stdin is not None and context.stdin.known:
            context = replace(context, stdin=Word("", known=False))  # each round reads on
        before = self.state.copy()
        start, doubts = len(self.found), len(self.doubts)
        self._round(body, context, condition)
        changed = [n for n, v in self.state.variables.items() if before.variables.get(n, n) != v]
        changed = [n for n in changed if not unknown(before.variables.get(n, Value("", False)))]
        if changed or self.state.cwd != before.cwd:
            del self.found[start:]
            del self.doubts[doubts:]
            before.merge(self.state)
            self.state.adopt(before)
            before = self.state.copy()
            self._round(body, context, condition)
        self.state.merge(before)

    def _round(self, body: Sequence, context: Context, condition: Sequence | None) -> None:
        self.budget.spend(5)
        start = len(self.exits)
        if condition is not None:
            self.sequence(condition, context)
        with self.within(self.state):
            self.sequence(body, replace(context, conditional=True))
        self.state.left = False
        self.settle(start)

    def settle(self, start: int) -> None:
        """At the end of a loop or a function: it may have ended at each place where it is left."""
        for state in self.exits[start:]:
            self.state.merge(state)
        del self.exits[start:]

    def _test(self, node: Test, context: Context) -> None:
        expander = self.expander(context)
        words = [expander.single(w) for w in node.words]
        if any(hidden_command(w.text) for w in words):
            self.doubt("A test holds a subscript with a command in it.")
        if self.state.posix and any(w.raw in ("|", "&", ";", "(") for w in node.words):
            self.doubt("What “[[” does in a shell that may not know it cannot be told.")
        self.record(self.invocation((Word("[["), *words, Word("]]")), context, "builtin"))

    # -- simple commands -------------------------------------------------------------------------------------------

    def _simple(self, node: Simple, context: Context) -> str | None:
        name = node.words[0].plain if node.words else None
        aliased = name is not None and name in self.state.aliases
        if name is not None and aliased:
            self._aliased(name, node, context)
        expander = self.expander(context)
        words: list[Word] = []
        for written in node.words:
            if name in _DECLARES and words and ASSIGNMENT.match(written.raw):
                variable, given = assign(self, written, expander, context)
                words.append(Word(f"{variable}={given.text}", given.known))
            else:
                words.extend(expander.words(written))
        redirections, context = redirected(self, node.redirects, context)
        before = {w.raw[: m.end(1)]: None for w in node.assignments if (m := _VARIABLE.match(w.raw))}
        kept = {n: self.state.variables.get(n, n) for n in before}
        exported = set(self.state.exported)
        suspicions = self.state.suspicions
        env = tuple(assign(self, w, expander, context) for w in node.assignments)
        if name in _EVALUATING and any(hides_command(w) for w in node.words):
            self.doubt("A subscript holds a command.")
        if not words:
            if env or redirections:
                self.record(replace(self.bare(redirections, context), env=env))
                self.state.assign("_", Value("$_", False))
            reads = any(r.operator[0] == "<" for r in redirections)  # $(<file) is what stands in the file
            return printed_to(self, None if reads else "", redirections)
        self.state.exported.update(n for n, _ in env)
        invocation = replace(self.invocation(tuple(words), context), env=env, redirections=redirections)
        if any(not w.known or w.glob for w in words):
            self.state.muffled = True  # an expansion that fails ends the shell
        start = len(self.found)
        printed = call(self, invocation, context)
        self.state.suspicions = suspicions if words[0].text not in _SPECIAL else self.state.suspicions
        self.state.exported.intersection_update(exported | (self.state.exported - before.keys()))
        for variable, value in kept.items():
            if words[0].text in _SPECIAL:  # a POSIX shell keeps them, bash does not
                self.state.assign(variable, Value("$" + variable, False))
            elif isinstance(value, str):
                self.state.variables.pop(variable, None)
            else:
                self.state.assign(variable, value)
        alone = len(self.found) == start + 1 and words[-1].known and not words[-1].glob
        self.state.assign("_", Value(words[-1].text if alone else "$_", alone))
        return printed_to(self, None if aliased else printed, redirections)

    def _aliased(self, name: str, node: Simple, context: Context) -> None:
        """What the command is where aliases are expanded: in interactive shells, and in scripts that ask for it."""
        value = self.state.aliases[name]
        if value is None:
            self.doubt(f"“{name}” is an alias for something that cannot be told.")
            return
        with self.within(self.state.copy()) as state:
            del state.aliases[name]
            rest = " ".join(w.raw for w in node.words[1:])
            self.script(f"{value} {rest}", replace(context, conditional=True, via=(*context.via, "alias")))

    # -- invocations -----------------------------------------------------------------------------------------------

    def invocation(self, argv: tuple[Word, ...], context: Context, kind: Kind = "program") -> Invocation:
        return Invocation(
            argv,
            via=context.via,
            appended=bool(argv) and argv[-1].text in ("$@", "${@}") and not argv[-1].known,
            piped_from=context.piped_from,
            stdin=context.stdin,
            conditional=context.conditional,
            background=context.background,
            cwd=self.state.cwd,
            kind=kind,
        )

    def bare(self, redirections: tuple[Redirection, ...], context: Context) -> Invocation:
        """Assignments and redirections without a program."""
        return replace(self.invocation((), context, "assignment"), redirections=redirections)
