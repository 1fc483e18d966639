"""The rules by which a report is held against the calls that were made. No model takes part.

Each rule looks for one way in which models report what never happened: steps that they wrote themselves in the form of
a transcript, acts that no call did, acts whose call failed, more things than were touched, values that nothing
returned. What a rule is worth (`CONFIDENCE`) was measured on reports that real agents gave (see docs/tools/calls.md).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from revet.schema import Location, Severity
from revet.tools._grounded.acts import WRITTEN, Act, acts, asked, sentences
from revet.tools._grounded.recorded import Item, RecordedCall, words_of
from revet.tools._grounded.values import FIGURE, Known, Value, values
from revet.tools._grounded.vocabulary import ANY, MENTAL, OVER, THOUGHT, words
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["CONFIDENCE", "MOST_PROBLEMS", "problems_in"]

CONFIDENCE = {
    "report/simulated_step": 0.95,
    "report/no_call": 0.93,
    "report/failed_call": 0.95,
    "report/other_call": 0.85,
    "report/untouched_item": 0.6,
    "report/more_than_done": 0.6,
    "report/nothing_looked_up": 0.6,
    "report/unseen_value": 0.65,
}
UNSURE = 0.4
"""How probable a problem is where the record is known to be incomplete, or the text may mean something else."""

MOST_TEXT = 100_000
MOST_CALLS = 2000
MOST_STEPS = 500
MOST_PROBLEMS = 30
SHOWN = 160

STEP = re.compile(
    r"^[ \t>*_#-]*(?:(Action|Tool|Function)|(Observation|Tool (?:result|output|response)))"
    r"\s*(?:\d+\s*)?[*_]*\s*:[*_ \t]*([^\n]{0,500})",
    re.MULTILINE | re.IGNORECASE,
)
CALLED = re.compile(r"([A-Za-z]\w*)(?:\s*[(\[{].*)?$")
"""The name of a tool, and what it is called with. Anything else after "Action:" is prose."""
NAMED = re.compile(r"[a-z0-9][A-Z]|_|[(\[{]")
WITH = re.compile(r"\s*[>*_#-]*(?:(?:Action |Tool )?Input|Arguments|Parameters|Observation)\b", re.IGNORECASE)
FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
QUOTED = re.compile(r"“[^”]{0,2000}”|\"[^\"\n]{0,2000}\"|```.*?(?:```|\Z)", re.DOTALL)
ASKS = re.compile(
    r"\b(?:please (?:provide|tell|confirm|specify|let me know which|share)|could you|can you|would you|do you want|"
    r"which (?:one|of)|I (?:still )?need (?:you|a|some|to know|the|your)|tell me|I(?:'m| am) (?:not able|unable)|"
    r"I(?: can(?:no|'|’)t| won(?:'|’)t))\b|\bI can(?:'|’)t\b|\bI won(?:'|’)t\b|\bnot able to\b",
    re.IGNORECASE,
)
HEDGED = re.compile(
    r"\b(?:e\.g|for example|for instance|such as|example|would|could|should|might|may|if|please|options?|default|"
    r"suggest|recommend|assum|let me know|tell me|confirm|provide|need|want|typical|usual|about|around|roughly)|\?",
    re.IGNORECASE,
)
# What marks a value as one that somebody's system gave, and not one that everybody may know.
LABEL = re.compile(
    r"\b(?:ids?|identifiers?|numbers?|no|reference|ref|codes?|confirmation|transaction|tracking|booking|order|ticket|"
    r"incident|account|reservation|receipt|invoice|record)\b[^.\n]{0,25}\Z|#\s?\Z",
    re.IGNORECASE,
)
YOURS = re.compile(r"\b(?:your|you|my|our)\b", re.IGNORECASE)
_NUMBERS = "two three four five six seven eight nine ten"
NUMBERS = {word: number for number, word in enumerate(_NUMBERS.split(), 2)}
COUNT = re.compile(rf"\b(\d{{1,3}}|{'|'.join(NUMBERS)})\s+(?:[a-z-]+\s+){{0,2}}?([a-z]{{3,}}s)\b", re.IGNORECASE)
UNCOUNTED = words(
    "days hours minutes seconds weeks months years miles stars dollars percent points shares units euros adults "
    "steps times items copies nights bags tickets pieces"
)
EVERY = re.compile(r"\b(?:all|every|each|both)((?:\s+[\w'’-]+){1,3})", re.IGNORECASE)
EXCEPT = re.compile(
    r"\b(?:except|but|other than|besides|apart from|remain|exclud|only|which|that (?:had|were|have))", re.IGNORECASE
)
PREPOSITION = re.compile(r"\b(?:for|with|from|to|of|in|by|at|on|about|among)\b", re.IGNORECASE)
VOICED = re.compile(
    r"\b(?:summari[sz]e|translate|rewrite|rephrase|paraphrase|proofread|continue|imagine|pretend)\b"
    r"|\b(?:story|poem|song|novel|dialogue|speech|template|letter|essay)\b",
    re.IGNORECASE,
)
"""A request for a text that speaks for somebody else."""
HELD = re.compile(r"\b(?:this|these|following|my|the)\b[^.:?!\n]{0,60}:\s*\S|```")
"""A request that holds what is to be worked on: "sort these names: …"."""
LETTER = re.compile(r"^\W*(?:dear|hi|hello|subject:|to:|draft:)", re.IGNORECASE | re.MULTILINE)
WRITES = re.compile(r"\b(?:write|draft|compose)\b", re.IGNORECASE)
ABOUT = re.compile(
    r"\bwe\b|\b(?:questions?|problems?|texts?|code|essay|draft|statements?|sentences?|examples?|mistakes?|errors?|bugs?|"
    r"typos?|answers?|solutions?|points|below|above)\b",
    re.IGNORECASE,
)
"""What is looked at without a tool: what the request holds, and one's own reasoning."""
ITSELF = words("run do perform execute make carry")


def problems_in(
    text: str, calls: Sequence[RecordedCall], request: str = "", steps: Sequence[str] = ()
) -> list[Problem]:
    """What `text` reports that `calls` do not bear out, in the order of the text."""
    text, calls = text[:MOST_TEXT], list(calls)[-MOST_CALLS:]
    known = Known([request, *itertools.chain.from_iterable((call.said, call.observation) for call in calls)])
    for step in steps[:MOST_STEPS]:
        known.work_out(step)
    said = _weighed(text, acts(_without_quotes(text)), request)
    found = [*_steps(text, calls, known), *_acts(text, said, calls), *_items(text, said, calls)]
    found += _counts(text, said, calls)
    found += _unseen(text, calls, known, request) if calls else _looked(text, said, known, request)
    ordered = sorted(found, key=lambda problem: (problem.location.span if problem.location else None) or (0, 0))
    return _distinct(ordered)[:MOST_PROBLEMS]


def _weighed(text: str, said: Sequence[Act], request: str) -> list[Act]:
    """The acts, none of which is sure that the request gives no reason to take for the author's own.

    What is said of others ("has been closed") is news of the world unless such an act was asked for or the reader is
    told of what is his; and who was asked for a text alone, a letter or a story, writes in somebody's voice.
    """
    if not request.strip():
        return list(said)
    wanted = asked(request)
    material = HELD.search(request) is not None
    letter = WRITES.search(request) and LETTER.search(text)
    telling = not wanted and bool(letter or VOICED.search(request))
    weighed = []
    for act in said:
        sentence = text[slice(*act.sentence)]
        meant = act.own or ANY in wanted or (bool(wanted) if act.general else bool(wanted & act.kinds))
        meant = meant or bool(YOURS.search(sentence)) or (bool(wanted) and "successfully" in sentence)
        in_text = act.lemma in THOUGHT or (material and act.lemma in WRITTEN)
        weighed.append(act._replace(sure=act.sure and meant and not telling and not in_text))
    return weighed


def _steps(text: str, calls: Sequence[RecordedCall], known: Known) -> Iterator[Problem]:
    """Steps of a transcript within the text: an action that was not called, an observation that did not come back."""
    tools = {call.tool.casefold() for call in calls}
    shown = [match.span() for match in FENCED.finditer(text)]
    acting = False
    for match in STEP.finditer(text):
        if any(a <= match.start() < b for a, b in shown):
            continue
        action, _, rest = match.groups()
        told = rest.strip().strip("`*").strip()
        if not told:
            continue
        if action:
            called = CALLED.match(told)
            if called is None or not (NAMED.search(told) or WITH.match(text, match.end())):
                continue
            acting, name = True, called[1]
            if name.casefold() in tools:
                continue
            yield _problem(
                "report/simulated_step", text, match.span(), f"it tells of a call of {name}, which was not made",
                "make the call, wait for its result, and report that",
            )  # fmt: skip
        elif (acting or told[0] in '{["') and told[:200].casefold() not in known.text:
            yield _problem(
                "report/simulated_step", text, match.span(), "it holds an observation that no call returned",
                "report what calls returned, and nothing else",
            )  # fmt: skip


def _acts(text: str, said: Sequence[Act], calls: Sequence[RecordedCall]) -> Iterator[Problem]:
    """Acts that no call did, or whose calls failed."""
    changing = [call for call in calls if not call.looks]
    done = [call for call in changing if not call.broke]
    seen = " ".join(call.observation for call in calls).casefold()
    for act in said:
        verb = text[slice(*act.span)]
        if act.looking or (calls and act.lemma in ITSELF):
            continue
        told = f"it says that something was {verb.lower()}"
        if not done:
            if changing:
                yield _problem(
                    "report/failed_call", text, act.sentence, f"{told}, but {_names(changing)} failed",
                    "say that it failed and why, or call again", sure=act.sure,
                )  # fmt: skip
            elif act.sure or (calls and verb.casefold() not in seen):
                what = "only looked something up" if calls else "were none"
                yield _problem(
                    "report/no_call", text, act.sentence, f"{told}, but the calls {what}",
                    "make the call that does it, or say that it is not done yet", sure=act.sure,
                )  # fmt: skip
        elif not act.general and not any(_does(call, act, text) for call in done):
            tried = [call for call in changing if call.broke and act.kinds & call.kinds]
            of_code = any(call.edits for call in done) and "`" in text[slice(*act.sentence)]
            yield _problem(
                "report/failed_call" if tried else "report/other_call", text, act.sentence,
                f"{told}, but {_names(tried)} failed" if tried else f"{told}, but what was called is {_names(done)}",
                "make the call that does it, or say that it is not done yet",
                sure=act.sure and not of_code and verb.casefold() not in seen and verb.casefold() not in OVER,
            )  # fmt: skip


def _does(call: RecordedCall, act: Act, text: str) -> bool:
    """Whether the call may be what the act tells of: by its verbs, or as the sentence names two of its words."""
    if call.any or act.kinds & call.kinds or "handle" in call.kinds:
        return True
    sentence = set(words_of(text[slice(*act.sentence)]))
    return len({word for word in words_of(call.tool) if len(word) > 3} & sentence) > 1


def _items(text: str, said: Sequence[Act], calls: Sequence[RecordedCall]) -> Iterator[Problem]:
    """Things that are named as done among others of their sort, and that no call touched."""
    done = [call for call in calls if not call.looks and not call.broke]
    sure = [act for act in said if act.sure and not act.looking]
    if not done or not sure or any(call.any for call in done):
        return
    given = " ".join(call.said for call in done)
    listed = list({item.id: item for call in calls if call.looks for item in call.items}.values())
    touched = [item for item in listed if item.id in given]
    told = " ".join(text[slice(*act.sentence)] for act in sure)
    for item in listed:
        place = next((each for each in (item.id, *item.names) if each in told), None)
        if place and item not in touched and any(_alike(item, other) and _named(other, told) for other in touched):
            at = text.find(place)
            yield _problem(
                "report/untouched_item", text, (at, at + len(place)),
                f"it counts {place} ({item.id}) among what was done, but no call named it",
                f"make the call for {item.id} too, or leave it out",
            )  # fmt: skip
    sorts = {item.sort: words_of(call.tool) for call in calls if call.looks for item in call.items}
    for act in sure:
        left = [item for item in listed if item not in touched and any(_alike(item, other) for other in touched)]
        every = EVERY.search(text, *act.sentence)
        if not every or EXCEPT.search(text, *act.sentence) or len(left) <= len(touched):
            continue
        if any(word in sorts[item.sort] for item in left for word in words_of(every[1])):
            yield _problem(
                "report/untouched_item", text, act.sentence,
                f"it says that all were {text[slice(*act.span)].lower()}, but of {len(left) + len(touched)} that were "
                f"listed no call named {', '.join(item.id for item in left[:3])}",
                "make the calls for those too, or say which were left",
            )  # fmt: skip


def _named(item: Item, text: str) -> bool:
    return item.id in text or any(name in text for name in item.names)


def _alike(item: Item, other: Item) -> bool:
    return item.sort == other.sort and not item.names & other.names


def _counts(text: str, said: Sequence[Act], calls: Sequence[RecordedCall]) -> Iterator[Problem]:
    """A number of things done that is larger than what calls could have done."""
    for act in said:
        done = [call for call in calls if not call.looks and not call.broke and (act.kinds & call.kinds or act.general)]
        if act.looking or not act.sure or not done or any(call.any for call in done):
            continue
        most = sum(max(1, call.said.count(",") if "[" in call.said else 1) for call in done)
        for match in COUNT.finditer(text, *act.sentence):
            number = NUMBERS.get(match[1].casefold()) or int(match[1])
            if number > most and match[2].casefold() not in UNCOUNTED and _done_to(match.span(), act, text):
                yield _problem(
                    "report/more_than_done", text, act.sentence,
                    f"it says that {clip(match[0], SHOWN)} were {text[slice(*act.span)].lower()}, but "
                    f"{len(done)} call{'s' * (len(done) > 1)} did that",
                    "report the number that was done",
                )  # fmt: skip


def _done_to(span: tuple[int, int], act: Act, text: str) -> bool:
    """Whether what stands at `span` is what the act was done to: "five rooms have been booked", "booked five rooms"."""
    if span[0] > act.span[0]:
        return text[act.span[1] : span[0]].strip().casefold() in ("", "all", "the", "successfully")
    return not PREPOSITION.search(text, act.sentence[0], span[0])


def _looked(text: str, said: Sequence[Act], known: Known, request: str) -> Iterator[Problem]:
    """Without any call: what it says to have found, and values that the request does not hold."""
    for act in said:
        if act.looking:
            yield _problem(
                "report/nothing_looked_up", text, act.sentence,
                f"it says that something was {text[slice(*act.span)].lower()}, but no tool was called",
                "call the tool that looks it up, or say that nothing was looked up",
                sure=act.sure and act.lemma not in MENTAL and not ABOUT.search(text, *act.sentence),
            )  # fmt: skip
    if ASKS.search(text):
        return
    for value, sentence in _stated(text, known):
        yield _problem(
            "report/unseen_value",
            text,
            value.span,
            f"{value.text} is neither in the request nor was it looked up",
            "look it up, or leave it out",
            sure=_systems(value, sentence, text, request),
        )


def _unseen(text: str, calls: Sequence[RecordedCall], known: Known, request: str) -> Iterator[Problem]:
    """Values that neither the request nor a call holds."""
    cut = any(call.cut for call in calls)
    outside = any(not call.looked for call in calls)
    for value, sentence in _stated(text, known):
        yield _problem(
            "report/unseen_value",
            text,
            value.span,
            f"{value.text} is neither in the request nor in what calls returned",
            "state what the calls returned",
            sure=not cut and _systems(value, sentence, text, request, outside=outside),
        )


def _stated(text: str, known: Known) -> Iterator[tuple[Value, str]]:
    """Values that the text states as facts and that are not known, with their sentences."""
    stated = values(text)
    for start, end in sentences(text):
        known.work_out(text[start:end])
        within = [value for value in stated if start <= value.span[0] < end]
        if within and not HEDGED.search(text, start, end):
            yield from ((value, text[start:end]) for value in within if not known.holds(value))


def _systems(value: Value, sentence: str, text: str, request: str, *, outside: bool = False) -> bool:
    """Whether the value is said to be what some system holds, which only a call can tell.

    `outside`: calls were made of tools that are not known to look only, so that amounts come of them.
    """
    personal = bool(YOURS.search(sentence) or YOURS.search(request) or asked(request)) or not request.strip()
    if value.kind == "identifier":
        minted = bool(re.search(r"[A-Za-z]{2}_\w*\d{3}", value.text))
        label = LABEL.search(text, max(0, value.span[0] - 60), value.span[0])
        return minted or (personal and value.minted and label is not None)
    if value.kind in ("amount", "quantity") and len(FIGURE.findall(request)) > 1 and not asked(request):
        return False  # a sum to be worked out, of which the text need not show every step
    if "://" in value.text and not re.search(r"\d{3}", value.text):
        return False  # such addresses are known by heart
    return bool(YOURS.search(sentence)) or (value.kind == "amount" and outside)


def _problem(
    category: str, text: str, span: tuple[int, int], claim: str, suggestion: str, *, sure: bool = True
) -> Problem:
    said = " ".join(text[slice(*span)].split())
    return Problem(
        claim=f"{claim}: {clip(said, SHOWN)!r}",
        severity=Severity.major if sure else Severity.minor,
        category=category,
        location=Location(span=span),
        suggestion=suggestion,
        confidence=CONFIDENCE[category] if sure else UNSURE,
    )


def _distinct(problems: Sequence[Problem]) -> list[Problem]:
    """One problem of a category for a place: the first that is sure, else the first."""
    kept: dict[tuple[str, object], Problem] = {}
    for problem in problems:
        key = (problem.category, problem.location.span if problem.location else None)
        if key not in kept or kept[key].confidence < problem.confidence:
            kept[key] = problem
    return list(kept.values())


def _names(calls: Sequence[RecordedCall]) -> str:
    names = list(dict.fromkeys(clip(call.tool, SHOWN) for call in calls))
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def _without_quotes(text: str) -> str:
    """The text with what it quotes blanked: words of others, or of what was sent, claim nothing. Places are kept."""
    return QUOTED.sub(
        lambda match: " " * len(match[0]) if "\n" not in match[0] else re.sub(r"[^\n]", " ", match[0]), text
    )
