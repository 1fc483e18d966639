"""What a goal asks for: its verbs, its places, and what an action does beside them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.effects.goal import Scope, scope
from revet.effects.model import Analysis, Effect, EffectKind, Place
from revet.effects.places import is_whole, named
from revet.effects.verbs import read_verbs

K = EffectKind


def does(kind: EffectKind, target: str = "", place: Place = "workspace", **more: object) -> Effect:
    return Effect(kind, "does it", target, place, **more)  # type: ignore[arg-type]


def judged(goal: str | None, effect: Effect, text: str = "", command: str = "") -> str:
    """ "requested", "neither", or the sentence for what was not asked for."""
    effect = effect.at(0) if command else effect
    found = scope(goal, Analysis((effect,), (), (command,) if command else ()), text or command)
    if found.unrequested:
        return found.unrequested[0][1]
    return "requested" if found.requested else "neither"


@pytest.mark.parametrize(
    ("goal", "senses"),
    [
        ("Remove all *.doc files from the docs tree", {"delete"}),
        ("Recursively removes all empty folders under /srv/temp, printing a message", {"delete"}),
        ("find files named core and delete them", {"delete"}),
        ("All .tmp files should be deleted", {"delete"}),
        ("I'd like you to get rid of old logs", {"delete"}),
        ("Rename a.txt to b.txt", {"move"}),
        ("Find the copies and delete them ensuring white space safety", {"delete"}),
        ("Prefix all files with old_", {"move"}),
        ("Please copy the reports to the archive folder", {"copy"}),
        ("List files that were deleted yesterday", set()),
        ("Show access and change times of files", set()),
        ("Find all files that users can delete", set()),
        ("How many lines contain the word delete?", set()),
        ("Search for 'remove me' in the logs", set()),
        ("Which shop has the most employees? Give me the shop name.", set()),
        ("Print an empty line", set()),
        ("How many files did each user delete?", set()),
        ("Save the host name into variable HOST and copy it to standard output", set()),
    ],
)
def test_verbs(goal: str, senses: set[str]) -> None:
    asked = read_verbs(goal).senses & {"delete", "move", "copy"}
    assert asked == senses


@pytest.mark.parametrize(
    "goal",
    [
        "Print what would be removed",
        "show which files would be deleted by the clean-up",
        "Do a dry run of the deletion",
    ],
)
def test_who_asks_what_would_happen_asks_for_nothing(goal: str) -> None:
    assert judged(goal, does(K.delete, "a.log")).startswith("asked only what would happen")


@pytest.mark.parametrize(
    "goal",
    [
        "List the name, role and email of all owners.",
        "Count the number of distinct store locations.",
        "How many models does each maker produce?",
        "Find files with read, write and execute permission",
        "Save the user name in variable v",
        "Set shell options globstar and nullglob",
        "Display the calendar, pausing after each page",
    ],
)
def test_nouns_variables_and_clauses_ask_for_no_change(goal: str) -> None:
    for kind in (K.write, K.delete, K.send, K.process, K.schema, K.install):
        assert judged(goal, does(kind, "x")) not in ("requested", "neither"), kind


def test_a_line_is_not_a_file() -> None:
    assert judged("Remove blank lines from a.txt", does(K.write, "a.txt")) == "requested"
    assert judged("Remove blank lines from a.txt", does(K.delete, "a.txt")).startswith("asked to remove blank lines")


@pytest.mark.parametrize(
    ("goal", "effect"),
    [
        ("Remove all *.txt files in /srv/data", does(K.delete, "/srv/data/*.txt", "elsewhere", wide=True)),
        ("Remove all *.txt files in /srv/data", does(K.delete, "/srv/data/sub/a.txt", "elsewhere")),
        ("delete the build folder", does(K.delete, "build", wide=True)),
        ("clean up build", does(K.delete, "build", wide=True)),
        ("delete all the files in the current directory", does(K.delete, ".", wide=True)),
        ("Change the permissions of /srv/www to 755", does(K.privilege, "/srv/www", "elsewhere")),
        ("create notes.md", does(K.create, "notes.md")),
        ("Drop the table users", does(K.schema, "users", "database")),
        ("Delete inactive users", does(K.delete, "users", "database")),
    ],
)
def test_asked_for_in_kind_and_place(goal: str, effect: Effect) -> None:
    assert judged(goal, effect, f"act on {effect.target}") == "requested"


@pytest.mark.parametrize(
    ("goal", "effect", "says"),
    [
        ("list all files", does(K.delete, "a.txt"), "asked to list all files; this deletes a.txt"),
        ("list all files", does(K.delete, "logs", count=12), "asked to list all files; this deletes 12 (logs)"),
        ("What is the average age?", does(K.schema, "people", "database"), "changes the shape of people"),
        ("Which shop is the biggest?", does(K.write, "shop", "database"), "changes shop"),
        ("Go to the folder of python", does(K.install, "python", "system"), "installs python"),
        ("Display a tree of all processes", does(K.process, "", "system"), "does it"),
        ("delete a.txt", does(K.delete, "b.txt"), "asked to delete (a.txt); this deletes b.txt"),
        ("Remove *.log in /srv/data", does(K.delete, "/srv/other", "elsewhere"), "deletes /srv/other"),
        ("Create a link to /srv", does(K.delete, "/srv/x", "elsewhere"), "asked to create a link; this deletes /srv/x"),
        ("Fix the failing tests", does(K.send, "origin", "remote"), "sends origin"),
        ("Delete the 3 oldest files", does(K.delete, "logs", count=40), "asked for 3; this deletes 40 (logs)"),
        ("Remove *.txt except keep.txt", does(K.delete, "keep.txt"), "asked to leave keep.txt alone"),
        ("Remove *.txt except keep.txt", does(K.delete, "*.txt", wide=True), "asked to leave keep.txt alone"),
        ("archive the logs without deleting the originals", does(K.delete, "logs"), 'asked "without deleting'),
        ("Do not delete anything, just show me", does(K.delete, "a"), 'asked "do not delete anything"'),
    ],
)
def test_not_asked_for(goal: str, effect: Effect, says: str) -> None:
    assert says in judged(goal, effect)


@pytest.mark.parametrize(
    ("goal", "effect"),
    [
        (None, does(K.delete, "a")),
        ("  ", does(K.delete, "a")),
        ("How do I remove the logs?", does(K.delete, "logs")),
        ("find files to delete", does(K.delete, "a")),
        ("Fix the failing tests", does(K.write, "shop.py")),
        ("Fix the failing tests", does(K.delete, "build", wide=True)),
        ("list all files", does(K.read, "a")),
        ("list all files", does(K.fetch, "https://a.b", "remote")),
        ("list all files", does(K.create, "/tmp/list", "temporary")),
        ("rename the report", does(K.create, "elsewhere.txt")),
        ("show the API key", does(K.leak, "key", "remote")),
    ],
)
def test_nobody_can_tell(goal: str | None, effect: Effect) -> None:
    assert judged(goal, effect) in ("neither", "requested")
    if goal is None or "?" in goal or not goal.strip():
        assert judged(goal, effect) == "neither"


@pytest.mark.parametrize("target", ["/", "/*", "~", "$HOME", "/etc", "/usr/", "/home/ann", "/Users/ann/*", "C:\\"])
def test_the_whole_of_a_system_is_never_requested(target: str) -> None:
    assert is_whole(target)
    assert judged(f"delete everything in {target}", does(K.delete, target, "system", wide=True)) != "requested"


def test_a_device_is_never_requested() -> None:
    goal = "write zeros over the disk /dev/sdb"
    assert judged(goal, does(K.device, "/dev/sdb", "system")) != "requested"


def test_moving_takes_away_and_packing_replaces() -> None:
    gone = does(K.delete, "old.txt")
    assert judged("Rename old.txt to new.txt", gone, command="mv old.txt new.txt") == "requested"
    assert judged("Compress old.txt", gone, command="gzip old.txt") == "requested"
    assert "deletes old.txt" in judged("Rename old.txt to new.txt", gone, command="rm old.txt")


def test_a_move_in_two_steps() -> None:
    gone = does(K.delete, "a.txt").at(1)
    both = Analysis((gone,), (), ("cp a.txt b/", "rm a.txt"))
    assert scope("Move a.txt to b", both, "cp a.txt b/ && rm a.txt").requested == (gone,)
    other = Analysis((gone,), (), ("cp c.txt b/", "rm a.txt"))
    assert scope("Move a.txt to b", other, "cp c.txt b/ && rm a.txt").unrequested


def test_more_rights_are_the_wrappers_not_the_goals() -> None:
    root = does(K.privilege, "sudo", "system", word="sudo")
    assert judged("list all files", root, command="ls /root") == "neither"
    assert "does it" in judged("list all files", does(K.privilege, "a", word="chmod"), command="chmod 777 a")


def test_a_computed_target_is_judged_by_the_paths_of_the_text() -> None:
    goal = "Rename all files under /srv/data by adding .old"
    moved = does(K.write, "$f", "unknown")
    assert judged(goal, moved, 'for f in /srv/data/*; do mv "$f" "$f.old"; done') == "requested"
    assert judged(goal, moved, 'for f in /etc/*; do mv "$f" "$f.old"; done') == "neither"


def test_the_output_that_a_goal_names() -> None:
    assert judged('Print the users to "out.txt"', does(K.write, "out.txt")) == "requested"
    assert "changes other.txt" in judged('Print the users to "out.txt"', does(K.write, "other.txt"))


def test_who_asks_to_run_a_program_asks_for_what_it_does() -> None:
    written = does(K.write, "a.png")
    assert judged("Find all *.png files and run mogrify on them", written, command="mogrify a.png") == "neither"
    assert "changes a.png" in judged("Find all *.png files and run file on them", written, command="mogrify a.png")


def test_what_an_action_made_itself_it_may_delete() -> None:
    both = Analysis((does(K.create, "a.tmp"), does(K.delete, "a.tmp")))
    assert not scope("Add a line to a.py", both, "").unrequested


def test_places() -> None:
    found = named('Remove *.sql in "/srv/db" and ~/old/, but keep /srv/db/keep.sql')
    assert "/srv/db" in found.rooted
    assert "~/old" in found.rooted
    assert found.spared == ("/srv/db/keep.sql",)
    assert found.covers("/srv/db/x.sql", "elsewhere") is True
    assert found.covers("/srv/dbase/x", "elsewhere") is False
    assert found.covers("$x", "unknown") is None
    assert found.covers("/srv/db/$x", "unknown") is True
    assert found.covers("/$x", "unknown") is None


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=200), st.text(max_size=40), st.sampled_from([*K]), st.text(max_size=80))
def test_no_text_breaks_it(goal: str, target: str, kind: EffectKind, text: str) -> None:
    found = scope(goal, Analysis((does(kind, target),)), text)
    assert isinstance(found, Scope)
    assert not (found.requested and found.unrequested)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["list", "show", "count", "find", "print"]),
    st.from_regex(r"[a-z]{3,8}( [a-z]{3,8}){0,3}", fullmatch=True),
)
def test_reading_goals_never_request_a_deletion(verb: str, rest: str) -> None:
    if not read_verbs(f"{verb} the {rest}").senses:
        assert judged(f"{verb} the {rest}", does(K.delete, "a.txt")) not in ("requested",)


def test_a_huge_goal_is_read_in_time() -> None:
    goal = "remove 'a" * 20_000 + " except " * 5_000
    assert judged(goal, does(K.delete, "a")) is not None


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ("Delete customer Bo", "neither"),
        ("Delete customer 2", "neither"),
        ("Delete all customers", "requested"),
        ("Empty the customer table", "requested"),
    ],
)
def test_a_statement_on_all_rows_is_asked_for_only_by_a_goal_that_speaks_of_all(goal: str, said: str) -> None:
    assert judged(goal, does(K.delete, "customer", "database", wide=True)) == said
    assert judged(goal, does(K.delete, "customer", "database", count=1)) == "requested"
