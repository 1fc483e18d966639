"""Words that say nothing, words that turn a sentence round, and words as they are compared."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from revet.tools._claims.units import folded

__all__ = [
    "ALIKE",
    "ASKING",
    "AUTHORED",
    "BOUNDS",
    "BY",
    "CHANGING",
    "CLASSES",
    "DIRECTIONS",
    "DOUBTFUL",
    "EVENTS",
    "FUNCTIONAL",
    "LIGHT",
    "MUTUAL",
    "NEGATIONS",
    "OFTEN_PLACED",
    "PLACING",
    "RELATIVES",
    "REPEATABLE",
    "STOP",
    "SUFFIXES",
    "TITLES",
    "short_forms",
    "stem",
    "unaccented",
]

_STOP = (
    "a an the and or of in on at to for from by with as is are was were be been being has have had do does did it its "
    "this that these those he she they his her their him them who whom whose which what when where there then than so "
    "such also into onto over under about up out off per via i you we my your our me us if but while whereas although "
    "though because since until will would can could shall should may might must only just very more most some any "
    "both each other another own same too s t re ve ll d m "
    "der die das den dem des ein eine einer eines einem und oder von im in zu zum zur mit für auf ist sind war waren "
    "wurde wurden hat er sie es le la les un une et ou du de des au aux en par pour avec est sont était a été il elle "
    "el los las y o del al con por para fue es son se su sus lo il gli di da che e"
)
STOP = frozenset(_STOP.split())

_NEGATIONS = (
    "not no never none nobody nothing neither nor without cannot cant dont doesnt didnt isnt arent wasnt werent "
    "wont hasnt havent hadnt couldnt wouldnt failed refused denied unable nicht kein keine keinen nie niemals "
    "ohne pas jamais sans aucun nunca sin ningún non mai "
)
NEGATIONS = frozenset(_NEGATIONS.split())

_PAIRS = (
    "increase|rise|rose|risen|grow|grew|grown|gain|climb|raise decrease|fall|fell|fallen|decline|drop|shrink|shrank",
    "before|earlier|prior|preceding after|later|following",
    "first|earliest last|latest",
    "more|greater fewer|less|lesser",
    "higher|highest lower|lowest",
    "larger|largest|bigger|biggest smaller|smallest",
    "older|oldest|elder|eldest younger|youngest",
    "longer|longest shorter|shortest",
    "north|northern south|southern",
    "east|eastern west|western",
    "win|won|defeated|beat|victory lose|lost|defeat",
    "best worst",
    "above below",
    "male female",
    "father|dad mother|mum|mom",
    "son daughter",
    "brother sister",
    "husband wife",
    "born|birth died|death|dead",
    "begin|began|begun|start|started end|ended|finish|finished",
    "maximum minimum",
    "buy|bought|acquired|purchased sell|sold",
    "accept|accepted|approved reject|rejected",
    "succeed|succeeded|success fail|failure",
    "profit loss",
    "open|opened close|closed",
    "true false",
    "legal illegal",
    "married unmarried|divorced",
    "left right",
)
DIRECTIONS: dict[str, tuple[int, int]] = {}
"""Words that come in opposites: which pair, and which side of it."""

_FUNCTIONAL = (
    "born birth died death founded established formed located situated capital population height tall length long area "
    "elevation headquartered based directed written composed designed named married age aged buried opened launched "
    "premiered published released built completed invented discovered painted unveiled dedicated inaugurated"
)
_REPEATABLE = (
    "win won award nominated play played appear appeared visit visited compete perform performed meet host "
    "served elected score scored sign signed record recorded season episode match game goal single album starring "
    "starred role medal champion championship guest"
)
_TITLES = (
    "mr mrs ms miss dr prof professor sir dame lord lady saint st king queen prince princess president senator "
    "captain colonel general judge justice pope emperor herr frau monsieur madame the "
)
TITLES = frozenset(_TITLES.split())

_SYNONYMS = {
    "birth": "born", "birthday": "born",
    "death": "die", "died": "die", "dead": "die", "established": "found", "founded": "found",
    "founder": "found", "situated": "located", "lies": "located", "movie": "film",
    "movies": "film", "films": "film", "wrote": "writ", "written": "writ", "writer": "writ", "writing": "writ",
    "author": "writ", "authored": "writ", "made": "make", "began": "begin", "begun": "begin", "started": "begin",
    "start": "begin", "won": "win", "winner": "win", "winning": "win", "sold": "sell", "bought": "buy",
    "grew": "grow", "rose": "rise", "fell": "fall", "led": "lead", "sang": "sing", "sung": "sing", "built": "build",
    "held": "hold", "children": "child", "people": "person", "inhabitants": "population", "residents": "population",
    "population": "population",
    "populated": "population", "spouse": "married", "wed": "married", "tall": "height", "high": "height",
    "long": "length", "actors": "actor", "actress": "actor", "stars": "star", "starring": "star",
    "starred": "star", "countries": "country", "cities": "city", "companies": "company", "taught": "teach",
    "geboren": "born", "nacio": "born", "gestorben": "die", "starb": "die", "murio": "die", "gegrundet": "found",
    "fondee": "found", "fonde": "found", "fundada": "found", "fundado": "found", "einwohner": "population",
    "habitants": "population", "habitantes": "population", "eroffnet": "open",
    "became": "become", "known": "know", "called": "name", "named": "name", "nicknamed": "name", "titled": "name",
}  # fmt: skip
_ENDINGS = (
    "ingly", "edly", "ations", "ation", "ments", "ment", "ings", "ing", "ers", "ors", "ions", "ies", "ion", "ied",
    "er", "or", "ed", "es", "ly", "e", "s", "y",
)  # fmt: skip

_SHORT = (
    "bill will william|bob rob robert|nick nicholas nicolas|tom thomas|jim james|jimmy james|dick richard|rick richard|"
    "ted edward theodore|ed eddie edward|liz beth elizabeth|kate katherine catherine|mike michael|tony anthony|"
    "jack john|johnny john|harry henry|chuck charles|charlie charles|joe joseph|dave david|steve stephen steven|"
    "larry lawrence|peggy margaret|meg margaret|bobby robert|billy william|andy andrew|matt matthew|greg gregory|"
    "jerry gerald jerome|gene eugene|hank henry|ron ronald|don donald|ken kenneth|sam samuel|tim timothy|pat patrick"
)
_USUAL: dict[str, set[str]] = {}
for _names in _SHORT.split("|"):
    for _name in _names.split():
        _USUAL.setdefault(_name, set()).update(_names.split())


def short_forms(name: str) -> set[str]:
    """Other forms in which people write a first name."""
    return _USUAL.get(name, set())


def unaccented(text: str) -> str:
    """Case folded, compatibility characters made plain, marks on letters taken away."""
    parted = unicodedata.normalize("NFKD", folded(text))
    return "".join(each for each in parted if not unicodedata.combining(each)).replace("ł", "l").replace("ø", "o")


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """What the forms of a word have in common, roughly. Two words with the same stem count as the same word."""
    plain = unaccented(word).replace("'", "").replace("’", "")
    if plain in _SYNONYMS:
        return _SYNONYMS[plain]
    if not plain.isascii() or len(plain) > 40:
        return plain
    for ending in _ENDINGS:
        if plain.endswith(ending) and len(plain) - len(ending) >= 3 + (len(ending) < 3):
            return plain[: len(plain) - len(ending)]
    return plain


for _number, _pair in enumerate(_PAIRS):
    for _side, _words in enumerate(_pair.split()):
        for _word in _words.split("|"):
            DIRECTIONS[_word] = (_number, _side)
            DIRECTIONS.setdefault(stem(_word), (_number, _side))
_ASKING = "year name person place many much kind question answer following"
ASKING = frozenset(map(stem, _ASKING.split()))
"""What a question asks for, which no passage need say."""
BY = frozenset(("by", "von", "par", "por"))
_DOUBTFUL = (
    "planned expected scheduled originally initially supposed rumored rumoured estimated proposed projected forecast "
    "alleged allegedly reportedly claimed disputed myth false incorrectly wrongly mistakenly contrary hypothetical "
    "according rumour rumor legend tradition opinion believed thought critics argued"
)
DOUBTFUL = frozenset(map(stem, _DOUBTFUL.split()))
"""What is planned or disputed refutes nothing."""
_RELATIVES = (
    "daughter son brother sister wife husband father mother parents child children cousin uncle aunt nephew niece "
    "grandson grandfather grandmother successor predecessor subsidiary sequel prequel remake"
)
RELATIVES = frozenset(map(stem, _RELATIVES.split()))
_PLACING = "born died location located situated capital headquartered based buried married"
PLACING = frozenset(map(stem, _PLACING.split()))
"""What names one place or person only: somebody is born in one town."""
_MUTUAL = "capital population height length elevation"
MUTUAL = frozenset(map(stem, _MUTUAL.split()))
"""What holds both ways: a country has one capital, and a city is the capital of one country."""
FUNCTIONAL = frozenset(map(stem, _FUNCTIONAL.split()))
"""What a thing has one of: a value of it can be refuted by another."""
REPEATABLE = frozenset(map(stem, _REPEATABLE.split()))
"""What may happen to the same thing several times: another date of it refutes nothing."""
_ALIKE = (
    "found establish create form|open inaugurate|release publish issue appear|price cost|weigh weight|height elevation|"
    "width wide|depth deep|area size surface|begin commence|complete finish|last duration|"
    "employ employs employee employees staff|seat capacity"
)
ALIKE: dict[str, str] = {}
"""Words that say the same of a subject: the one that stands for all of them."""
for _same in _ALIKE.split("|"):
    for _word in _same.split():
        ALIKE.setdefault(stem(_word), stem(_same.split()[0]))
_LIGHT = (
    "total overall exactly currently today officially formally place took take occur happen occurred fight fought hold "
    "held consist contain comprise include amount valid measure measures stand stands eventually finally number person"
)
LIGHT = frozenset(ALIKE.get(stem(_word), stem(_word)) for _word in _LIGHT.split())
"""Words that a statement may have more or less without saying another thing."""
EVENTS = frozenset(
    ("battle", "war", "siege", "treaty", "revolution", "earthquake", "congress", "conference", "massacre", "uprising")
)
"""Nouns of what happens once: its date is told by any verb."""
_CHANGING = (
    "population member employee employ student user customer revenue sales profit endowment price cost budget area "
    "subscriber passenger visitor"
)
CHANGING = frozenset(ALIKE.get(stem(_word), stem(_word)) for _word in _CHANGING.split())
"""What differs a little from one year's count to the next."""
OFTEN_PLACED = frozenset(
    ALIKE.get(stem(_word), stem(_word))
    for _word in ("released", "premiered", "launched", "opened", "introduced", "aired")
)
"""What happens to the same thing in each place anew."""
AUTHORED = frozenset(map(stem, ("directed", "written", "composed", "painted", "designed")))
"""What one person makes, whom ``by`` names."""
BOUNDS = frozenset(map(stem, ("began", "ended", "begin", "end")))
"""What has one date where all else is the same."""
SUFFIXES = frozenset(
    ("gmbh", "inc", "ltd", "llc", "ag", "corp", "corporation", "company", "co", "group", "plc", "river")
)
"""What a company's or a river's name may do without."""
_CLASSES = (
    "company firm city town village country river lake mountain island film movie book novel album song museum "
    "university school tower bridge building castle church stadium station ship software language organisation "
    "organization club team band planet festival theatre theater opera painting road railway airport"
)
CLASSES = frozenset(map(stem, _CLASSES.split()))
"""Nouns by which a text calls what its title names."""
