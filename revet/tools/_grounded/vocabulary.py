"""The English words by which `revet.tools.grounded` tells what a text says was done, and what a tool may do."""

from __future__ import annotations

__all__ = [
    "ANY",
    "CLAUSE",
    "CLAUSE_STOPS",
    "DONE",
    "INFINITIVES",
    "IN_FILES",
    "LEADS",
    "LOOKING",
    "MENTAL",
    "NEAR_STOPS",
    "NOUNS",
    "OURS",
    "OVER",
    "PERSONS",
    "SKIPPED",
    "STATES",
    "TEXTS",
    "THOUGHT",
    "WHICH",
    "kinds_asked",
    "kinds_named",
    "kinds_told",
    "lemma_of",
    "verbs_of",
    "words",
]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOOKING = "look"
ANY = "handle"

# What a text says was done, and what a tool that does it may be called besides. Verbs that make no more than text
# (written, listed, drafted) are left out.
KINDS = {
    LOOKING: (
        "find get locate retrieve fetch identify check search look read view list verify query analyze analyse "
        "estimate calculate count detect discover review inspect see show obtain gather collect browse navigate "
        "compute compare ask access predict confirm",
        "lookup think",
    ),
    "send": (
        "send email mail message text notify inform forward contact alert remind",
        "invite reply respond sms share post submit transfer pay tell ping",
    ),
    "invite": ("invite", "send add share create update"),
    "respond": ("reply respond", "send post comment"),
    "share": ("share grant give provide allow", "enable invite permit send add manage set create post update assign"),
    "permit": ("enable permit", "grant allow set update turn switch control manage"),
    "delete": ("delete remove clear clean erase uninstall purge drop free unsubscribe", "cancel revoke empty end kill"),
    "cancel": ("cancel revoke terminate void", "withdraw delete remove end stop update manage"),
    "withdraw": ("withdraw", "cancel transfer revoke remove"),
    "create": (
        "create add generate register enroll subscribe open insert produce start",
        "make build set schedule book post save store update change modify edit manage",
    ),
    "book": ("schedule book reserve reschedule rebook arrange", "order move create update set add manage request"),
    "order": ("order purchase buy place invest trade sell fill", "checkout book create make submit"),
    "update": (
        "update change modify edit adjust increase reduce raise lower decrease rename move replace "
        "upgrade downgrade fix alter extend swap mark organize sort apply patch",
        "manage manipulate configure set add reschedule control turn switch put write",
    ),
    "configure": ("configure set", "create add update change modify edit adjust manage control turn switch put"),
    "pay": (
        "pay transfer refund deposit reimburse settle",
        "withdraw invest move send make return manage place cancel book order buy purchase",
    ),
    "post": ("post publish tweet retweet tag upload comment mention follow unfollow like react", "reply respond share"),
    "switch": (
        "turn switch stop disable close lock unlock kill restart activate deactivate",
        "control set adjust end manage start open update terminate enable",
    ),
    "block": ("block unblock whitelist blacklist ban", "allow update add create remove"),
    "install": ("install download launch", "run execute apply update upgrade add deploy save"),
    "dispatch": ("dispatch allocate assign redirect route deploy reroute", "send create update move"),
    "submit": ("submit request file refill renew", "apply send order create schedule"),
    "save": ("save store export archive copy", "write download upload move create"),
    "decide": ("approve reject accept decline sign", "handle manage respond reply submit confirm update set"),
    "version": ("merge fork clone commit push revert star", "create pull update add post"),
    "record": ("record log", "create add update save write submit file store"),
    "convert": ("convert compress extract encrypt decrypt", "create generate save update make"),
    ANY: (
        "handle process complete perform finalize finalise resolve finish execute fulfil fulfill initiate "
        "accomplish carry run",
        "trigger click confirm do make",
    ),
}
MENTAL = words(
    "identify see verify analyze analyse estimate calculate count discover review compute compare predict confirm ask"
)
"""Looking that can be done without a tool."""
THOUGHT = words("convert sort organize")
"""Acts that can be done to what stands in the text itself."""

IRREGULAR = {
    "sent": "send", "given": "give", "made": "make", "bought": "buy", "sold": "sell", "paid": "pay", "found": "find",
    "got": "get", "gotten": "get", "read": "read", "seen": "see", "shown": "show", "set": "set", "run": "run",
    "ran": "run", "done": "do", "put": "place", "withdrawn": "withdraw", "withdrew": "withdraw", "begun": "start",
    "carried": "carry", "built": "build", "gave": "give", "did": "do", "cancelled": "cancel", "canceled": "cancel",
    "reset": "update", "written": "write", "wrote": "write", "saw": "see", "sorted": "sort",
}  # fmt: skip
DOUBLED = words("drop stop tag ban swap submit transfer permit log commit star")

# Nouns that say of an act that it is over, where "successful" or "complete" follows.
NOUNS = {
    "transfer": "transfer", "installation": "install", "booking": "book", "reservation": "book", "order": "order",
    "update": "update", "deletion": "delete", "payment": "pay", "removal": "remove", "cancellation": "cancel",
    "upgrade": "upgrade", "withdrawal": "withdraw", "purchase": "buy", "refund": "refund", "redirect": "redirect",
    "transaction": "pay", "cleanup": "clean", "post": "post", "download": "download", "submission": "submit",
    "scheduling": "schedule", "operation": "handle", "request": "submit",
}  # fmt: skip

OVER = words("successful complete completed succeeded confirmed")

DONE = words("have has 've ’ve had was were is are got i've i’ve we've we’ve it's it’s")
PERSONS = words("i we")
OURS = words("'ve ’ve i've i’ve we've we’ve")
WHICH = words("that which who whom what whose")
STATES = words("was were is are got")
SKIPPED = words("been now also then already just all both each thus since finally")
# What keeps a verb from telling of an act that is over: near it, or anywhere before it in its clause.
NEAR_STOPS = words(
    "not never no cannot could would should will may might must can be being without failed unable didn't don't "
    "won't can't couldn't wasn't weren't isn't aren't hasn't haven't didn’t don’t won’t can’t couldn’t wasn’t weren’t "
    "isn’t aren’t hasn’t haven’t i'll i’ll we'll i'd i’d you'd please need neither nor"
)
CLAUSE_STOPS = words("if once unless until whether when before after ensure verify sure check")
INFINITIVES = frozenset({("to", "be"), ("to", "have"), ("to", "get")})
LEADS = words(
    "and please to then you me us just also either or now so but help , ; : - – — • * ) kindly immediately lets let's"
)
"""After what the base form of a verb asks for the act: "please delete", "help me book". At the start it does, too."""
TEXTS = words(
    "answer answers solution response reply explanation reasoning question summary text paragraph sentence essay poem "
    "story slogan template code function script program class query regex example examples table list outline plan "
    "draft version information details steps instructions advice suggestion suggestions formula equation diagram "
    "comment comments docstring mistake error letter notes word words phrase phrases sentences paragraphs line lines "
    "loop variable variables parameter parameters argument arguments import imports hint hints types string strings "
    "slogan slogans titles headings voice tone grammar spelling typo typos json yaml html css markdown csv equations "
    "idea ideas names synonyms questions default defaults"
)
"""What is made by writing it into the answer: to have created a table or given an example takes no call."""
CLAUSE = words(", ; : ( ) – — - • * but")


def kinds_named(verb: str) -> frozenset[str]:
    """The kinds of act that a tool with this verb in its name may do; none for what is no verb."""
    return frozenset(_NAMED.get(verb, ()))


def kinds_asked(verb: str) -> frozenset[str]:
    """The kinds of act, looking left out, that a request with this verb in its base form may ask for."""
    return kinds_named(verb) - {LOOKING}


def kinds_told(verb: str) -> frozenset[str]:
    """The kinds of act that a text may mean by this verb."""
    return frozenset(_TOLD.get(verb, ()))


def verbs_of(*kinds: str) -> frozenset[str]:
    """The verbs by which acts of these kinds are told."""
    return frozenset(verb for kind in kinds for verb in KINDS[kind][0].split())


def lemma_of(word: str) -> str | None:
    """The verb of which `word` is a past form, None if it is none that is known."""
    return _PAST.get(word)


def _past(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeo":
        return verb[:-1] + "ied"
    return verb + (verb[-1] if verb in DOUBLED else "") + "ed"


_TOLD: dict[str, set[str]] = {}
_NAMED: dict[str, set[str]] = {}
for _kind, (_told, _more) in KINDS.items():
    for _verb in _told.split():
        _TOLD.setdefault(_verb, set()).add(_kind)
    for _verb in f"{_told} {_more}".split():
        _NAMED.setdefault(_verb, set()).add(_kind)
IN_FILES = frozenset(KINDS) - words(f"{ANY} {LOOKING} send invite respond pay book order post submit withdraw")
"""What a change of files may be told as."""
_PAST = {_past(verb): verb for verb in _TOLD} | {past: verb for past, verb in IRREGULAR.items() if verb in _TOLD}
