"""Commands: lists, pipelines, compound commands, functions, redirections, heredocs (the grammar of bash)."""

from __future__ import annotations

import re
from collections.abc import Callable

from revet.effects.shell.reader import ASSIGNMENT, Budget, Reader
from revet.effects.shell.syntax import (
    AndOr,
    Case,
    Command,
    Coproc,
    Evaluation,
    Function,
    Group,
    If,
    Item,
    Literal,
    Loop,
    Pipeline,
    Redirect,
    Sequence,
    Simple,
    SyntaxWord,
    Test,
    Walk,
)

__all__ = ["Grammar", "read"]

_REDIRECT = re.compile(r"(?P<fd>[0-9]+|\{[A-Za-z_]\w*\})?(?P<op><<<|<<-|<<|<&|<>|>>|>&|>\||&>>|&>|<(?!\()|>(?!\())")
_RESERVED = re.compile(
    r"(?P<word>if|then|elif|else|fi|do|done|case|esac|while|until|for|select|function|coproc|time|in|\[\[|\{|\}|!)"
    r"(?=[ \t\n;&|()<>]|\\\n|$)"
)
_BLANK = re.compile(r"(?:[ \t]|\\\n)+")
_FUNCTION = re.compile(r"[ \t]*\([ \t]*\)")
_DECLARES = frozenset({"declare", "typeset", "local", "export", "readonly"})
_ENDS = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})


def read(text: str, budget: Budget | None = None, depth: int = 0) -> Sequence:
    """The tree of a whole text. Raises Unreadable for what a shell would refuse, and for what is too involved."""
    return Grammar(text, budget, depth).sequence("")


class Grammar(Reader):
    """Reads commands. Heredocs that are announced on a line are read when the line ends."""

    def __init__(self, text: str, budget: Budget | None = None, depth: int = 0) -> None:
        super().__init__(text, budget, depth)
        self._announced: list[tuple[Redirect, str, bool]] = []

    # -- blanks and words ------------------------------------------------------------------------------------------

    def blank(self) -> None:
        found = _BLANK.match(self.text, self.pos)
        if found:
            self.pos = found.end()
        if self.peek() == "#":
            self.comment()

    def lines(self) -> None:
        """Blanks, comments and ends of lines."""
        while True:
            self.blank()
            if self.peek() != "\n":
                return
            self.budget.spend()
            self.pos += 1
            self._heredocs()

    def reserved(self) -> str:
        self.blank()
        found = _RESERVED.match(self.text, self.pos)
        return found["word"] if found else ""

    def expect(self, word: str) -> None:
        self.lines()
        if self.reserved() != word:
            raise self.fail(f"“{word}” is missing")
        self.pos += len(word)

    def needed_word(self, what: str) -> SyntaxWord:
        self.blank()
        word = self.word()
        if word is None:
            raise self.fail(f"{what} is missing")
        return word

    # -- lists and pipelines ---------------------------------------------------------------------------------------

    def sequence(self, closing: str) -> Sequence:
        found = self._list()
        if closing:
            if not self.take(closing):
                raise self.fail(f"“{closing}” is missing")
        elif self.pos < len(self.text):
            raise self.fail(f"“{self.peek()}” is not expected here")
        else:
            self._heredocs()
        return found

    def _list(self) -> Sequence:
        """Commands up to a word or an operator that cannot begin one; neither is consumed."""
        found = Sequence()
        while True:
            self.lines()
            if self.pos >= len(self.text) or self.peek() in ")" or self.text.startswith(";;", self.pos):
                return found
            if self.text.startswith(";&", self.pos) or self.reserved() in _ENDS:
                return found
            item = Item(self._and_or())
            found.items.append(item)
            self.blank()
            if self.text.startswith((";;", ";&"), self.pos):
                return found
            if self.take("&"):
                item.background = True
            elif not self.take(";") and self.peek() != "\n":
                return found

    def _body(self, *, empty: bool = False) -> Sequence:
        found = self._list()
        if not found.items and not empty:
            raise self.fail("a command is missing")
        return found

    def _and_or(self) -> AndOr:
        found = AndOr(self._pipeline())
        while True:
            self.blank()
            operator = next((o for o in ("&&", "||") if self.take(o)), "")
            if not operator:
                return found
            self.lines()
            found.rest.append((operator, self._pipeline()))

    def _pipeline(self) -> Pipeline:
        found = Pipeline([])
        while (word := self.reserved()) in ("!", "time") or (self.peek() == "!" and self.peek(1) == "("):
            self.budget.spend()
            self.pos += len(word) or 1
            found.negated ^= word != "time"
            if word == "time":
                found.timed = True
                self.blank()
                options = re.compile(r"(-p|--)(?=[ \t\n;&|]|$)").match(self.text, self.pos)
                self.pos = options.end() if options else self.pos
        self.blank()
        if (found.timed or found.negated) and (self.peek() in ("", "\n", ";", ")") or self.reserved() in _ENDS):
            return found
        found.commands.append(self._command())
        while True:
            self.blank()
            if self.text.startswith("||", self.pos) or not (self.take("|&") or self.take("|")):
                return found
            self.lines()
            found.commands.append(self._command())

    # -- commands --------------------------------------------------------------------------------------------------

    def _command(self) -> Command:
        self.budget.spend()
        self.deeper()
        found = self._compound(self.reserved())
        if found is None:
            found = self._simple()
        elif not isinstance(found, Simple | Function | Coproc):
            found.redirects.extend(self._redirects())
        self.depth -= 1
        return found

    def _compound(self, word: str) -> Command | None:
        if self.text.startswith("((", self.pos):
            start = self.pos
            parts = self.arithmetic()
            if parts is not None:
                return Evaluation(parts, self.text[start : self.pos])
        if self.take("("):
            body = self._body()
            if not self.take(")"):
                raise self.fail("“)” is missing")
            return Group(body, True)
        if word in ("", "in"):
            return None
        readers: dict[str, Callable[[], Command]] = {
            "{": self._group,
            "if": self._if,
            "while": self._loop,
            "until": self._loop,
            "for": self._for,
            "select": self._for,
            "case": self._case,
            "[[": self._test,
            "function": self._function,
            "coproc": self._coproc,
        }
        if word not in readers:
            raise self.fail(f"“{word}” is not expected here")
        self.pos += len(word)
        return readers[word]()

    def _group(self) -> Group:
        body = self._body()
        self.expect("}")
        return Group(body, False)

    def _loop(self) -> Loop:
        condition = self._body()
        return Loop(condition, self._do())

    def _if(self) -> If:
        found = If([])
        while True:
            condition = self._body()
            self.expect("then")
            found.branches.append((condition, self._body()))
            self.lines()
            word = self.reserved()
            self.pos += len(word)
            if word == "else":
                found.otherwise = self._body()
                self.expect("fi")
                return found
            if word == "fi":
                return found
            if word != "elif":
                raise self.fail("“fi” is missing")

    def _do(self) -> Sequence:
        self.blank()
        self.take(";")
        self.lines()
        if self.reserved() == "{":
            self.pos += 1
            body = self._body()
            self.expect("}")
            return body
        self.expect("do")
        body = self._body()
        self.expect("done")
        return body

    def _for(self) -> Walk:
        self.blank()
        if self.text.startswith("((", self.pos):
            header = self.arithmetic()
            if header is None:
                raise self.fail("“))” is missing")
            return Walk("", None, self._do(), header)
        name = self.needed_word("the variable of the loop").raw
        self.lines()
        words: list[SyntaxWord] | None = None
        if self.reserved() == "in":
            self.pos += 2
            words = []
            while True:
                self.blank()
                word = self.word()
                if word is None:
                    break
                words.append(word)
        return Walk(name, words, self._do())

    def _case(self) -> Case:
        found = Case(self.needed_word("the subject of “case”"), [], [])
        self.expect("in")
        while True:
            self.lines()
            if self.reserved() == "esac":
                self.pos += 4
                return found
            self.take("(")
            patterns: list[SyntaxWord] = []
            while True:
                patterns.append(self.needed_word("a pattern"))
                self.blank()
                if self.take(")"):
                    break
                if not self.take("|"):
                    raise self.fail("“)” is missing")
            found.branches.append((patterns, self._body(empty=True)))
            end = next((mark for mark in (";;&", ";;", ";&", ";|") if self.take(mark)), "")
            found.falls.append(end not in ("", ";;"))
            if not end:
                self.expect("esac")
                return found

    def _test(self) -> Test:
        words: list[SyntaxWord] = []
        while True:
            self.lines()
            if not self.peek():
                raise self.fail("“]]” is missing")
            word = self.word(pattern=bool(words) and words[-1].raw == "=~")
            if word is None:
                words.append(SyntaxWord((Literal(self.peek(), True),), self.peek()))
                self.pos += 1
            elif word.raw == "]]":
                return Test(words)
            else:
                words.append(word)

    def _function(self) -> Function:
        name = self.needed_word("the function's name").raw
        found = _FUNCTION.match(self.text, self.pos)
        self.pos = found.end() if found else self.pos
        self.lines()
        return Function(name, self._command())  # zsh takes any command

    def _coproc(self) -> Coproc:
        self.blank()
        name = re.compile(r"[A-Za-z_]\w*(?=[ \t]+(?:\{|\(|if|while|until|for|case)[ \t\n(])").match(self.text, self.pos)
        if name:
            self.pos = name.end()
        return Coproc(self._command())

    # -- simple commands -------------------------------------------------------------------------------------------

    def _simple(self) -> Command:
        found = Simple()
        while True:
            self.blank()
            redirect = self._redirect()
            if redirect is not None:
                found.redirects.append(redirect)
                continue
            word = self.word()
            if word is None:
                break
            declares = bool(found.words) and found.words[0].plain in _DECLARES
            if word.array is not None and found.words and not declares:
                raise self.fail("“(” is not expected here")
            if not found.words and ASSIGNMENT.match(word.raw):
                found.assignments.append(word)
                continue
            found.words.append(word)
            if len(found.words) == 1 and not found.assignments:
                opened = _FUNCTION.match(self.text, self.pos)
                if opened:
                    self.pos = opened.end()
                    self.lines()
                    return Function(word.raw, self._command())
        if not (found.words or found.assignments or found.redirects):
            raise self.fail(f"“{self.peek()}” is not expected here" if self.peek() else "a command is missing")
        return found

    def _redirects(self) -> list[Redirect]:
        found: list[Redirect] = []
        while True:
            self.blank()
            redirect = self._redirect()
            if redirect is None:
                return found
            found.append(redirect)

    def _redirect(self) -> Redirect | None:
        opened = _REDIRECT.match(self.text, self.pos)
        if opened is None:
            return None
        self.budget.spend()
        self.pos = opened.end()
        operator = opened["op"]
        self.blank()
        word = self.word()
        if word is None:
            raise self.fail(f"nothing follows “{operator}”")
        found = Redirect(operator, word, opened["fd"])
        if operator in ("<<", "<<-"):
            delimiter = "".join(p.text if isinstance(p, Literal) else p.raw for p in word.parts)
            literal = any(isinstance(p, Literal) and p.quoted for p in word.parts)
            self._announced.append((found, delimiter, literal))
            found.target = SyntaxWord((), "")
        return found

    def _heredocs(self) -> None:
        """The lines of the heredocs that were announced, from here on."""
        announced, self._announced = self._announced, []
        for redirect, delimiter, literal in announced:
            body: list[str] = []
            while self.pos < len(self.text):
                end = self.text.find("\n", self.pos)
                line = self.text[self.pos :] if end < 0 else self.text[self.pos : end]
                self.pos = len(self.text) if end < 0 else end + 1
                if redirect.operator == "<<-":
                    line = line.lstrip("\t")
                if line == delimiter:
                    break
                body.append(line + ("" if end < 0 else "\n"))
            text = "".join(body)
            self.budget.spend(1 + len(text) // 1000)
            if literal:
                redirect.target = SyntaxWord((Literal(text, True),), text)
            else:
                redirect.target = SyntaxWord(Grammar(text, self.budget, self.depth).heredoc_parts(), text)
