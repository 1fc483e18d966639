"""Reads expressions from tokens: the usual precedence, words as operators, labels after numbers passed over.

``12 cups/pitcher * 3 pitchers`` is 12 * 3: a word after a number says what is counted. ``2 1/2`` is a mixed number,
``20% of 50`` a product, ``50 increased by 10%`` a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from revet.tools._calculate.numbers import NUMBER_WORDS, Shown
from revet.tools._calculate.terms import Binary, Call, Literal_, Name, Negative, Term, names_in
from revet.tools._calculate.tokens import Token

__all__ = ["NotReadable", "Reader", "calculates", "read_whole", "unit_of"]

DEEPEST, LONGEST_LABEL = 40, 6
MULTIPLY = {"times": "*", "of": "*"}
WORD_OPERATORS = {"plus": "+", "minus": "-", **MULTIPLY}
BY = {"multiplied": "*", "divided": "/", "increased": "increase", "decreased": "decrease", "reduced": "decrease"}
NO_LABEL = {
    *WORD_OPERATORS, *BY, "by", "and", "or", "so", "then", "but", "if", "because", "since", "which", "is", "are",
    "was", "were", "equals", "equal", "to", "makes", "gives", "than", "that", "where", "when", "she", "he", "they",
    "we", "it", "out", "does", "not", "cannot", "thus", "therefore", "hence", "let", "pi",
}  # fmt: skip
NO_NAME = {"a", "A", "I"}
APPLIED = {"f", "g", "h", "F", "G", "H", "P", "p", "N", "C"}


class NotReadable(ValueError):
    """The tokens are no expression."""


class Reader:
    """Reads one expression from `tokens`, from the index `at` on.

    `labels`: words after numbers are passed over, and `A` and `I` are words. Unless it is to be `whole`, the
    expression may end before an operator that nothing readable follows.
    """

    def __init__(
        self, tokens: Sequence[Token], at: int = 0, end: int | None = None, *, labels: bool = True, whole: bool = True
    ) -> None:
        self.tokens, self.at, self.labels, self.whole = tokens, at, labels, whole
        self.end = len(tokens) if end is None else end
        self.depth = 0

    def peek(self, ahead: int = 0) -> Token | None:
        return self.tokens[self.at + ahead] if self.at + ahead < self.end else None

    def expression(self) -> Term:
        """A sum. Raises `NotReadable` for what is no expression."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotReadable("nested too deep")
        term = self._product()
        while True:
            before = self.at
            operator = self._operator(("+", "-", "increase", "decrease"))
            if operator is None:
                break
            right = self._right(self._product, before)
            if right is None:
                break
            if operator in ("increase", "decrease"):
                right = Binary("*", term, right) if _is_percent(right) else right
                operator = "+" if operator == "increase" else "-"
            term = Binary(operator, term, right)
        self.depth -= 1
        return term

    def _right(self, read: Callable[[], Term], before: int) -> Term | None:
        """What follows an operator, None where the expression may end before that."""
        depth = self.depth
        try:
            return read()
        except NotReadable:
            if self.whole:
                raise
            self.at, self.depth = before, depth
            return None

    def _operator(self, wanted: Sequence[str]) -> str | None:
        """The operator that stands here, if it is one of `wanted`, passed over."""
        token = self.peek()
        if token is None:
            return None
        sign, length = token.text, 1
        if token.kind == "word":
            word, after = token.text.lower(), self.peek(1)
            if word in BY and after is not None and after.text.lower() == "by":
                sign, length = BY[word], 2
            elif word in WORD_OPERATORS and (word != "of" or self._shares()):
                sign = WORD_OPERATORS[word]
            elif word == "x" and self._multiplies():
                sign = "*"
            else:
                return None
        elif token.kind != "operator":
            return None
        if sign not in wanted or (sign == "%" and self.labels):
            return None
        following = self.peek(length)
        if following is None or following.kind in ("relation", "break", "comma", "close"):
            return None
        self.at += length
        return sign

    def _shares(self) -> bool:
        """Whether what stands before an `of` is a share of something: a percentage or a fraction."""
        before = self.tokens[self.at - 1] if self.at else None
        if before is None:
            return False
        if before.shown is not None:
            return before.shown.percent or (self.at > 1 and self.tokens[self.at - 2].text == "/")
        word = before.text.lower()
        return before.kind == "close" or word == "percent" or NUMBER_WORDS.get(word, Fraction(1)) < 1

    def _multiplies(self) -> bool:
        """Whether an x here is a sign between two factors."""
        after = self.peek(1)
        if after is None or self.at == 0:
            return False
        factor = after.kind in ("number", "open", "function", "fraction")
        return factor or (after.kind == "word" and after.text.lower() in NUMBER_WORDS)

    def _product(self) -> Term:
        term = self._factor()
        while True:
            before = self.at
            operator = self._operator(("*", "/", "%"))
            if operator is not None:
                right = self._right(self._factor, before)
                if right is None:
                    return term
                term = Binary(operator, term, right)
                continue
            token = self.peek()
            if token is not None and self._adjoins(token):
                term = Binary("*", term, self._factor())
                continue
            return term

    def _adjoins(self, token: Token) -> bool:
        """Whether a factor stands here without a sign: 2(3 + 4), (1)(2), 2x, 3√2."""
        if not token.glued and token.kind != "function" and token.kind != "fraction":
            return False
        before = self.tokens[self.at - 1]
        if token.kind == "open" and before.text in APPLIED:
            raise NotReadable(f"{before.text} is a function")
        if token.kind in ("open", "function", "fraction"):
            return token.text != "{"
        named = token.kind == "word" and (self._is_name(token) or token.text == "pi")
        return named and before.kind in ("number", "close", "word")

    def _factor(self) -> Term:
        signs = 0
        while (token := self.peek()) is not None and token.kind == "operator" and token.text in "+-":
            signs += token.text == "-"
            self.at += 1
            if signs > DEEPEST:
                raise NotReadable("too many signs")
        term = self._power()
        return Negative(term) if signs % 2 else term

    def _power(self) -> Term:
        base = self._postfix()
        token = self.peek()
        if token is not None and token.kind == "operator" and token.text == "^":
            self.at += 1
            self.depth += 1
            if self.depth > DEEPEST:
                raise NotReadable("nested too deep")
            braced = self._braced()
            base = Binary("^", base, braced if braced is not None else self._factor())
            self.depth -= 1
            self._label()
        elif token is not None and token.kind == "word" and token.text.lower() in ("squared", "cubed"):
            self.at += 1
            base = Binary("^", base, Literal_(Shown(Fraction(2 if token.text.lower() == "squared" else 3))))
        return base

    def _postfix(self) -> Term:
        term = self._atom()
        token = self.peek()
        if token is not None and token.kind == "operator" and token.text == "!" and token.glued:
            following = self.peek(1)
            if following is None or following.kind != "relation" or not following.glued:
                self.at += 1
                term = Call("factorial", (term,))
        label = self._label()
        if label is not None and isinstance(term, Literal_) and term.unit is None:
            term = Literal_(term.shown, label)
        return term

    def _atom(self) -> Term:
        token = self.peek()
        if token is None:
            raise NotReadable("it ends too soon")
        self.at += 1
        match token.kind:
            case "number":
                return self._numeral(token)
            case "open":
                return self._closed(")" if token.text == "(" else "}")
            case "function":
                return self._function(token.text)
            case "fraction":
                top, bottom = self._braced(), self._braced()
                if top is None or bottom is None:
                    raise NotReadable("a fraction without its parts")
                return Binary("/", top, bottom)
            case "word" if token.text.lower() in NUMBER_WORDS and not token.glued:
                return self._counted(token)
            case "word" if token.text == "pi" or self._is_name(token):
                return Name(token.text)
            case _:
                raise NotReadable(f"{token.text!r} is no number")

    def _counted(self, token: Token) -> Term:
        """A number in words: `three`, `two thirds`."""
        value, after = NUMBER_WORDS[token.text.lower()], self.peek()
        part = (
            NUMBER_WORDS.get(after.text.lower(), Fraction(1))
            if after is not None and after.kind == "word"
            else Fraction(1)
        )
        if part < 1 <= value:
            self.at += 1
            value *= part
        elif value < 1 and token.text.lower() not in ("half", "halves"):
            before = self.tokens[self.at - 2].text.lower() if self.at > 1 else ""
            if before not in ("a", "one") and (after is None or after.text.lower() != "of"):
                raise NotReadable(f"{token.text!r} is an ordinal")
        return Literal_(Shown(value))

    def _numeral(self, token: Token) -> Term:
        assert token.shown is not None
        whole = Literal_(token.shown, token.money or ("%" if token.shown.percent else None))
        part = self._part(token)
        if part is not None:
            return Binary("+", whole, part)
        top, bar, bottom = self.peek(), self.peek(1), self.peek(2)
        if top is None or bar is None or bottom is None or top.shown is None or bottom.shown is None:
            return whole
        mixed = not top.glued and bar.text == "/" and bar.glued and bottom.glued and not top.shown.decimals
        if not mixed or token.shown.value.denominator != 1 or not 0 < top.shown.value < bottom.shown.value:
            return whole
        self.at += 3
        return Binary("+", whole, Binary("/", Literal_(top.shown), Literal_(bottom.shown)))

    def _part(self, whole: Token) -> Term | None:
        """The fraction of a mixed number in LaTeX, ``1\\frac{1}{6}``."""
        token = self.peek()
        if token is None or token.kind != "fraction" or not token.glued or "." in whole.text:
            return None
        at, part = self.at, self._atom()
        proper = isinstance(part, Binary) and not calculates(part.left) and not calculates(part.right)
        if not proper or names_in(part):
            self.at = at
            return None
        return part

    def _closed(self, bracket: str) -> Term:
        term = self.expression()
        token = self.peek()
        if token is None or token.kind != "close" or token.text != bracket:
            raise NotReadable("a bracket is not closed")
        self.at += 1
        return term

    def _braced(self) -> Term | None:
        token = self.peek()
        if token is None or token.kind != "open" or token.text != "{":
            return None
        self.at += 1
        return self._closed("}")

    def _function(self, name: str) -> Term:
        token = self.peek()
        if token is None or token.kind != "open":
            return Call(name, (self._atom(),))
        self.at += 1
        arguments = [self.expression()]
        while (token := self.peek()) is not None and token.kind == "comma":
            self.at += 1
            arguments.append(self.expression())
        if token is None or token.kind != "close":
            raise NotReadable("a bracket is not closed")
        self.at += 1
        return Call(name, tuple(arguments))

    def _is_name(self, token: Token) -> bool:
        return _is_letter(token) and not (self.labels and token.text in NO_NAME)

    def _exponent(self, words: Sequence[str]) -> bool:
        """Whether the exponent of a unit stands here, the 3 of cm^3; it is passed over."""
        sign, exponent = self.peek(), self.peek(1)
        if not words or sign is None or exponent is None or sign.text != "^" or sign.kind != "operator":
            return False
        if exponent.kind == "number":
            self.at += 2
        elif exponent.text == "{":
            self.at += 1
            self._braced()
        return True

    def _closes(self, ahead: int) -> bool:
        token = self.peek(ahead)
        return token is not None and token.kind == "close"

    def _label(self) -> str | None:
        """Passes over the words after a number that say what is counted. Returns the first, all of a compound unit."""
        if not self.labels:
            return None
        words: list[str] = []
        while (token := self.peek()) is not None and len(words) < LONGEST_LABEL:
            after = self.peek(1)
            slash = token.kind == "operator" and token.text == "/" and after is not None and _labels(after)
            if slash and not words and self._closes(2):
                raise NotReadable("it divides by a word")
            if slash or (token.text == "-" and token.glued and after is not None and after.glued and _labels(after)):
                self.at += 2
                words += [""] if slash else []
                continue
            if not _labels(token) or (token.text.lower() == "x" and self._multiplies()):
                break
            if token.glued and self._is_name(token):
                break
            if token.glued and not words and token.text[0].isupper() and len(token.text) > 3:
                raise NotReadable(f"{token.text!r} is no unit")
            words.append(token.text)
            self.at += 1
        compound = self._exponent(words) or "" in words
        if not words:
            return None
        return f"{' '.join(words)}/^" if compound else words[0]


def _labels(token: Token) -> bool:
    word = token.text.lower()
    if token.kind != "word" or word in NO_LABEL or word in NUMBER_WORDS or word in ("squared", "cubed"):
        return False
    return not _is_letter(token) or token.text == "a"


def _is_letter(token: Token) -> bool:
    return token.kind == "word" and len(token.text) == 1


def _is_percent(term: Term) -> bool:
    return isinstance(term, Literal_) and term.shown.percent


def calculates(term: Term) -> bool:
    """Whether there is anything to compute: an operator or a function. A fraction of two numerals is a number."""
    match term:
        case Negative(of):
            return calculates(of)
        case Binary() | Call():
            return True
        case _:
            return False


def unit_of(term: Term) -> str | None:
    """The unit of a bare quantity (``2 hours``), None for anything else."""
    if isinstance(term, Negative):
        return unit_of(term.of)
    return term.unit if isinstance(term, Literal_) else None


def read_whole(tokens: Sequence[Token], *, labels: bool = True) -> Term:
    """The expression that all of `tokens` are. Raises `NotReadable`."""
    reader = Reader(tokens, labels=labels)
    term = reader.expression()
    if reader.at != len(tokens):
        raise NotReadable(f"{tokens[reader.at].text!r} does not belong there")
    return term
