"""What a question asks for, read off its words: how many things, which superlative, which names and numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Question", "alike", "stems"]

WORD = re.compile(r"[^\W_]+")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|_|(?<=\D)(?=\d)")
NUMBERS = dict(
    zip(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], range(1, 11), strict=True)
)
COMMON_WORDS = (
    "a an and are as at be by did do does for from had has have how in is it its of on or the their them these they "
    "this those to was were what when where which who whose with all any each every list show find give return tell me "
    "please many much count number total average maximum minimum different distinct"
)
COMMON = frozenset(COMMON_WORDS.split())
# Words of the request or of the calendar, which begin with a capital and name nothing in the data.
CALENDAR_AND_REQUEST = (
    "january february march april may june july august september october november december jan feb mar apr jun jul "
    "aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun "
    "am pm i sql csv json xml html pdf excel id ids api url db ddl utc gmt usd eur gbp q1 q2 q3 q4 ytd kpi faq "
    "select from where join group order limit query table database column null distinct count sum avg cte"
)
NO_NAMES = frozenset(CALENDAR_AND_REQUEST.split())
ONLY = re.compile(
    r"\b(?:only|just|nothing but|nothing else|no other columns?)\b(?! in\b| if\b| when\b| one\b| once\b)", re.IGNORECASE
)
RANKED = re.compile(
    r"\b(?:top|first|last|next|previous|any|some|few|couple|several|example|sample|samples|examples|preview|random|one|"
    r"single|winner|won|wins|leader|leading|leads|main|favou?rite|record|peak|recent|recently|more|less|fewer|\w+er|"
    r"nearest|another|ever|second|third|fourth|fifth|\d+(?:st|nd|rd|th)|page|begin|beginning|\w{2,}est)\b",
    re.IGNORECASE,
)
HIGH = r"most|highest|largest|biggest|greatest|maximum|max|longest|oldest|latest|tallest|heaviest|newest|best"
LOW = r"least|lowest|smallest|fewest|minimum|min|shortest|youngest|earliest|lightest|worst|cheapest"
SUPERLATIVE = re.compile(rf"(?<!\bat )(?<!\bat the )\b(?:most recent|{HIGH}|{LOW})\b(?! of the\b)", re.IGNORECASE)
COUNTED = re.compile(r"\bhow many\b|\bnumbers? of\b|\bcount\b|\btotal number\b|\bhow much\b", re.IGNORECASE)
SUPERLATIVE_COUNT = re.compile(
    rf"\b(?:with|has|have|had|by|is|are|of|hold|holds|got|in|at)?\s*(?:the|a)?\s*(?:{HIGH}|{LOW})\s+(?:total\s+)?"
    r"(?:number|numbers|amount|count)s?\b(?:\s+of)?",
    re.IGNORECASE,
)
COMPARED_COUNT = re.compile(
    r"\b(?:(?:the )?numbers? of \w+(?: \w+)? (?:is|are|was|were) "
    r"(?:greater|more|less|larger|smaller|at|over|above|below|equal)"
    r"|(?:ordered|sorted|ranked|order|sort) (?:\w+ ){0,4}?by (?:the )?(?:number|count)s?\b)",
    re.IGNORECASE,
)
GROUPED = re.compile(
    r"\b(?:for|of|in|by|from|per|to|with|at|on|does|do|did|has|have)\s+(?:each|every|all the different|different)\b"
    r"|\bper\b|\beach\b|\bevery\b|\bcorrespond(?:ing)?\b",
    re.IGNORECASE,
)
NEGATED = re.compile(
    r"\b(?:not|never|without|no|nor|none|neither|cannot|n't|don't|doesn't|didn't|isn't|aren't|haven't|hasn't|except|"
    r"excluding|other than)\b|n't\b",
    re.IGNORECASE,
)
# Where the list of what is asked for ends, and conditions begin.
CLAUSE = re.compile(
    r"\b(?:sorted|ordered|order|sort|whose|who|where|when|with|that|which|having|for|from|"
    r"of (?:all|the|each|every|any)|in|if|above|below|older|younger|ranked|"
    r"along the|belonging|among|across|by|live|living)\b",
    re.IGNORECASE,
)
IMPERATIVE = re.compile(
    r"^\W*(?:please )?(?:only )?(?:list|show|give|return|find|tell|state|sort|order)\b", re.IGNORECASE
)
LATE = re.compile(
    r"^\W*(?:sort|order|for|of|in|among|from)\b.{3,80}?(?:,| and) (?:return|list|show|give|find|tell me)\b",
    re.IGNORECASE,
)
ALSO = re.compile(
    r"(?:,| and|;|\?|\.) (?:and )?(?:(?:also )?(?:what|how|list|show|give|return|find|the|its|their|his|her)\b)"
    r"|\bpairs?\b|\balong with\b|\bas well as\b|\btogether with\b",
    re.IGNORECASE,
)
QUOTED = re.compile(r"(?<!\w)(?:\"([^\"]{1,200})\"|'([^']{1,200})'|“([^”]{1,200})”|‘([^’]{1,200})’)(?!\w)")
NAMED = re.compile(r"(?<=[a-z,;:] )(?:[A-Z][\w'’.-]*)(?: (?:[A-Z][\w'’.-]*))*")
DIGITS = re.compile(r"(?<![\w.,-])\d+(?:\.\d+)?(?![\w]|[.,]\d)")


def stems(text: str) -> list[str]:
    """The words of a text or a column's name in lower case, without the endings of plurals."""
    words = [word.lower() for part in CAMEL.split(text) for word in WORD.findall(part)]
    return [_stem(word) for word in words]


def alike(word: str, other: str) -> bool:
    """Whether two stems are probably of one word: the one begins as the other, but for its last letters."""
    if word == other:
        return True
    short, long = sorted((word, other), key=len)
    return len(short) >= 3 and long.startswith(short[: max(3, len(short) - 2)])


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


@dataclass(frozen=True)
class Question:
    """Empty text says nothing, and no property of it asks for anything."""

    text: str

    @cached_property
    def stems(self) -> list[str]:
        return stems(self.text)

    @cached_property
    def telling(self) -> set[str]:
        """The stems that name something."""
        return {word for word in self.stems if word not in COMMON}

    @cached_property
    def superlative(self) -> str | None:
        found = SUPERLATIVE.search(self.text)
        return found[0].lower() if found else None

    @property
    def insists(self) -> bool:
        """Whether it says that nothing more is wanted than it names."""
        return bool(ONLY.search(self.text))

    @property
    def ranked(self) -> bool:
        """Whether a word of it may mean that some rows of a ranking are wanted, or any few."""
        return self.superlative is not None or bool(RANKED.search(self.text))

    @property
    def lowest(self) -> bool:
        return bool(re.search(rf"(?<!\bat )\b(?:{LOW})\b", self.text, re.IGNORECASE))

    @property
    def highest(self) -> bool:
        return bool(re.search(rf"(?<!\bat )\b(?:{HIGH})\b", self.text, re.IGNORECASE))

    @cached_property
    def counted(self) -> bool:
        """Whether a count is asked for as an output, not only to find the largest by it."""
        rest = SUPERLATIVE_COUNT.sub(" ", self.text)
        return bool(COUNTED.search(COMPARED_COUNT.sub(" ", rest)))

    @cached_property
    def one_count(self) -> bool:
        """Whether the question asks for one number that is a count."""
        starts = re.match(
            r"\W*(?:how many|count|what is the (?:total )?number|(?:find|return|give|show|list)(?: me)? the (?:total )?"
            r"number|what are the number)\b",
            self.text,
            re.IGNORECASE,
        )
        return bool(starts) and not self.grouped and not self.several

    @cached_property
    def grouped(self) -> bool:
        return bool(GROUPED.search(self.text))

    @property
    def negated(self) -> bool:
        return bool(NEGATED.search(self.text))

    @property
    def several(self) -> bool:
        """Whether more is asked for than one thing."""
        return bool(re.search(r",| and (?:the|what|how|its|their|which|find|list|show)\b", self.text))

    @property
    def distinct(self) -> bool:
        return bool(re.search(r"\b(?:different|distinct|unique)\b", self.text, re.IGNORECASE))

    @cached_property
    def head(self) -> str:
        """The part that lists what is asked for: of the last request, up to its first condition."""
        parts = [part for part in re.split(r"(?<=[.?!;])\s+(?=[A-Z])|\?\s+", self.text) if part.strip()]
        asking = [part for part in parts if IMPERATIVE.match(part)] if len(parts) > 1 else []
        text = asking[-1] if asking else parts[0] if parts else ""
        late = LATE.search(text)
        text = text[late.end() :] if late is not None else text
        text = re.sub(r"^\W*(?:for|of|in|from|among) [^,]{1,60}, ", "", text, flags=re.IGNORECASE)
        text = re.sub(r"^\W*(?:which|whose|who|where|when)\b", "", text, flags=re.IGNORECASE)
        found = CLAUSE.search(text)
        while found is not None and not WORD.search(IMPERATIVE.sub("", text[: found.start()])):
            found = CLAUSE.search(text, found.end())
        return text[: found.start()] if found is not None else text

    @cached_property
    def asked(self) -> int:
        """How many things the head lists, by its commas and conjunctions."""
        text = re.sub(r",? (?:and|as well as|along with|together with)\b|,", "|", self.head.strip(" .?!,"))
        return 1 + len(re.findall(r"\|\s*\w", text))

    @cached_property
    def more(self) -> int:
        """How many requests may follow the head."""
        place = self.text.find(self.head.strip()) + len(self.head.strip())
        return len(ALSO.findall(self.text[place:]))

    @cached_property
    def literals(self) -> list[str]:
        """Names in quotation marks, and capitalised names within sentences."""
        quoted = [next(filter(None, found)).strip() for found in QUOTED.findall(self.text)]
        rest = QUOTED.sub(" ", self.text)
        named = [found.strip(" .'’") for found in NAMED.findall(rest)]
        named = [each for each in named if not set(map(str.lower, WORD.findall(each))) <= NO_NAMES]
        return [each for each in (*quoted, *named) if each]

    @cached_property
    def quoted(self) -> list[str]:
        return [next(filter(None, found)).strip() for found in QUOTED.findall(self.text)]

    @cached_property
    def numbers(self) -> list[float]:
        """Numbers in digits or words; ``one`` is not counted as one."""
        rest = QUOTED.sub(" ", self.text)
        found = [float(each) for each in DIGITS.findall(rest)]
        return found + [float(NUMBERS[w]) for w in map(str.lower, WORD.findall(rest)) if NUMBERS.get(w, 0) > 1]
