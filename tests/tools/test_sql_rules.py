"""The rules that find faults in queries that run: each on a query that has its fault, and on right queries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.schema import Outcome, Severity
from revet.tools import Sql
from revet.tools._sql.finding import CONFIDENCE, HINTS, SURE
from revet.tools._sql.question import Question, stems

from .sql_worlds import SCRIPT, ask, found


@pytest.fixture(scope="module")
def cars() -> Iterator[Sql]:
    tool = Sql(":memory:", script=SCRIPT)
    yield tool
    tool.close()


FAULTY = [
    # the form of the query
    ("", "SELECT m.name FROM maker m, sale s", "shape/cartesian", "nothing ties m and s together"),
    ("", "SELECT name FROM maker WHERE name = 'Fiat' AND name = 'Saab'", "shape/contradiction", "fiat and to saab"),
    ("", "SELECT name FROM maker WHERE country = NULL", "shape/null-compared", "never true"),
    ("", "SELECT name FROM maker WHERE name IN (SELECT name FROM car)", "shape/outer-name", "car has no column name"),
    ("", "SELECT model, AVG(weight) FROM car", "shape/loose-column", "model stands beside"),
    ("", "SELECT maker, model, COUNT(*) FROM car GROUP BY maker", "shape/loose-group", "model is not grouped by"),
    ("",
     "SELECT m.name FROM maker m JOIN sale s ON m.id = s.year", "shape/join-matches-nothing", "maker.id and sale.year"),
    ("", "SELECT m.name FROM maker m JOIN car c ON m.id = c.id", "shape/unrelated-join", "maker.id and car.id"),
    # the values
    ("", "SELECT name FROM maker WHERE name = 'fiat'", "value/spelled-otherwise", "but 'Fiat'"),
    ("", "SELECT name FROM maker WHERE name = 'Sweden'", "value/other-column", "no row has 'Sweden' in maker.name"),
    ("", "SELECT name FROM maker WHERE name = 'Vovlo'", "value/unknown", "no row has 'Vovlo'"),
    ("", "SELECT name FROM maker WHERE id > 100", "value/empty", "no row is found"),
    ("", "SELECT AVG(weight) FROM car WHERE id > 100", "value/null", "NULL"),
    ("", "SELECT COUNT(*) FROM car WHERE id > 100", "value/zero", "counts no row"),
    ("", "SELECT name FROM maker WHERE id > 0", "value/idle-filter", "id > 0 changes nothing"),
    ("", "SELECT model FROM car ORDER BY price", "value/text-as-number", "car.price holds numbers as text"),
    ("", "SELECT id FROM car WHERE id NOT IN (SELECT year FROM sale)", "value/null-in-not-in", "never true"),
    # the grain
    ("",
     "SELECT m.id, SUM(c.weight) FROM maker m JOIN car c ON c.maker = m.id JOIN car d ON d.maker = m.id GROUP BY m.id",
     "grain/fan-out", "several times"),
    ("How many cars were sold in 1970?",
     "SELECT COUNT(c.id) FROM car c JOIN sale s ON s.car = c.id", "grain/fan-out", "several times"),
    ("", "SELECT SUM(c.weight) FROM car c JOIN sale s ON s.car = c.id", "grain/parent-measure", "as often as the join"),
    ("",
     "SELECT m.name, COUNT(*) FROM maker m JOIN car c ON c.maker = m.id GROUP BY m.name",
     "grain/merged-groups", "same name"),
    # the question
    ("What are the names of the makers?", "SELECT * FROM maker", "asked/star", "gives every column"),
    ("Which maker has the most cars?",
     "SELECT maker, COUNT(*) FROM car GROUP BY maker ORDER BY 2 DESC LIMIT 1", "asked/count", "how many"),
    ("What are the models of the cars?", "SELECT model, weight FROM car", "asked/too-many", "2 columns"),
    ("List the model, weight and price of each car.", "SELECT model FROM car", "asked/too-few", "1 column"),
    ("What are the models of all cars?", "SELECT model FROM car LIMIT 2", "asked/limit", "LIMIT 2 cuts"),
    ("What is the model of the heaviest car?",
     "SELECT model FROM car ORDER BY weight DESC LIMIT 3", "asked/limit", "LIMIT 3"),
    ("What is the model of the heaviest car?", "SELECT model FROM car", "asked/no-superlative", "heaviest"),
    ("What is the model with the lowest weight?",
     "SELECT model FROM car ORDER BY weight DESC LIMIT 1", "asked/direction", "descending"),
    ("What is the average weight of cars?", "SELECT SUM(weight) FROM car", "asked/no-average", "average"),
    ("How many cars are there?", "SELECT model FROM car", "asked/number", "one number is asked for"),
    ("Which cars were bought by Cleo?", "SELECT car FROM sale", "asked/name-ignored", "Cleo"),
    ("Which cars weigh more than 1200?", "SELECT model FROM car", "asked/number-ignored", "1200"),
    ("Which makers do not come from Sweden?",
     "SELECT name FROM maker WHERE country = 'Sweden'", "asked/negation", "excludes nothing"),
    ("What are the models of the cars?",
     "SELECT model FROM car WHERE weight > 1000", "asked/made-up-number", "weight > 1000"),
    ("What are the models?", "SELECT model FROM car WHERE price IS NOT NULL", "asked/made-up-filter", "price IS NULL"),
    ("What are the makers of the cars?", "SELECT maker FROM car", "asked/key-for-name", "reference to maker"),
    ("What are the different buyers?", "SELECT buyer FROM sale", "asked/not-distinct", "rows repeat"),
    ("How many sales are there for each buyer?", "SELECT COUNT(*) FROM sale", "asked/no-group", "one value of all"),
    ("Which models were sold?",
     "SELECT c.model FROM car c JOIN sale s ON s.car = c.id", "asked/repeats-joined", "repeat others"),
    ("Which makers have sales?", "SELECT name FROM maker", "asked/table-unused", "speaks of sale"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "sql", "category", "claim"), FAULTY, ids=[each[2] for each in FAULTY])
async def test_a_fault_is_found(cars: Sql, question: str, sql: str, category: str, claim: str) -> None:
    evidence = await ask(cars, sql, question)
    assert "rules_failed" not in evidence.data
    problems = found(evidence)
    assert category in problems, evidence.observation
    assert claim in problems[category].claim, problems[category].claim
    sure = problems[category].confidence >= SURE and category not in HINTS
    assert problems[category].severity is (Severity.major if sure else Severity.minor)
    assert sure <= (evidence.outcome is Outcome.failed)


RIGHT = [
    ("What are the names of the makers?", "SELECT name FROM maker"),
    ("How many cars are there?", "SELECT COUNT(*) FROM car"),
    ("How many cars are there of each maker?", "SELECT maker, COUNT(*) FROM car GROUP BY maker"),
    ("What are the model and weight of the heaviest car?",
     "SELECT model, weight FROM car ORDER BY weight DESC LIMIT 1"),
    ("What is the model of the heaviest car?", "SELECT model FROM car WHERE weight = (SELECT MAX(weight) FROM car)"),
    ("What is the average weight of cars by Volvo?",
     "SELECT AVG(c.weight) FROM car c JOIN maker m ON c.maker = m.id WHERE m.name = 'Volvo'"),
    ("Which makers do not come from Sweden?", "SELECT name FROM maker WHERE country <> 'Sweden'"),
    ("Which cars have never been sold?", "SELECT model FROM car WHERE id NOT IN (SELECT car FROM sale)"),
    ("List all the information about cars.", "SELECT * FROM car"),
    ("Which buyers bought both in 1970 and 1971?",
     "SELECT buyer FROM sale WHERE year = 1970 INTERSECT SELECT buyer FROM sale WHERE year = 1971"),
    ("What are the two lightest models?", "SELECT model FROM car ORDER BY weight LIMIT 2"),
    ("Which maker has the most cars, and how many does it have?",
     "SELECT m.name, COUNT(*) FROM maker m JOIN car c ON c.maker = m.id GROUP BY m.id ORDER BY 2 DESC LIMIT 1"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "sql"), RIGHT, ids=[each[0] for each in RIGHT])
async def test_a_right_query_is_not_sent_back(cars: Sql, question: str, sql: str) -> None:
    evidence = await ask(cars, sql, question)
    assert evidence.outcome is Outcome.passed, evidence.observation
    assert all(each.severity is Severity.minor for each in found(evidence).values())


async def test_without_a_question_no_query_is_held_against_one(cars: Sql) -> None:
    for _, sql, category, _ in FAULTY:
        evidence = await ask(cars, sql)
        assert not any(each.startswith("asked/") for each in found(evidence)), (sql, category)


async def test_an_empty_table_is_no_fault_of_the_query() -> None:
    tool = Sql(":memory:", script="CREATE TABLE t (a TEXT, b INTEGER)")
    evidence = await ask(tool, "SELECT a FROM t WHERE a = 'x' AND b > 3")
    assert evidence.outcome is Outcome.passed and "value/empty" not in found(evidence)
    assert "value/unknown" not in found(evidence)
    tool.close()


@pytest.mark.parametrize(
    ("text", "asked", "counted", "superlative", "grouped"),
    [
        ("What are the name and age of each singer?", 2, False, None, True),
        ("Which year had the most concerts?", 1, False, "most", False),
        ("Which country has the most players, and how many?", 2, True, "most", False),
        ("List the episodes sorted by rating.", 1, False, None, False),
        ("How many cars weigh at least 1000?", 1, True, None, False),
        ("Show the id, name, and number of staff for museums in Rome.", 3, True, None, False),
        ("", 1, False, None, False),
    ],
)
def test_what_a_question_asks_for(text: str, asked: int, counted: bool, superlative: str | None, grouped: bool) -> None:
    question = Question(text)
    assert (question.asked, question.counted, question.superlative, question.grouped) == (
        asked,
        counted,
        superlative,
        grouped,
    )


def test_names_and_numbers_of_a_question() -> None:
    question = Question('Which of "Sky Radio" or Rock TV had more than 12 series in two years since 1999?')
    assert question.quoted == ["Sky Radio"]
    assert question.literals == ["Sky Radio", "Rock TV"]
    assert question.numbers == [12.0, 1999.0, 2.0]


def test_words_of_names() -> None:
    assert stems("HeadOfState") == ["head", "of", "state"]
    assert stems("template_type_codes") == ["template", "type", "code"]


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=300)
def test_any_text_is_a_question(text: str) -> None:
    question = Question(text)
    assert question.asked >= 1 and question.more >= 0
    assert isinstance(question.counted, bool) and isinstance(question.one_count, bool)
    assert all(question.literals) and question.lowest in (True, False)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT maker, MAX(weight), model FROM car GROUP BY maker",  # SQLite: of the row that has the maximum
        "SELECT id, name, COUNT(*) FROM maker GROUP BY id",
        "SELECT maker, model, COUNT(*) FROM car WHERE maker > 1 GROUP BY maker",  # no group here holds two
        "SELECT m.name, SUM(c.weight) FROM maker m JOIN car c ON c.maker = m.id GROUP BY m.id",
        "SELECT m.name, COUNT(c.id) FROM maker m JOIN car c ON c.maker = m.id GROUP BY m.id",
        "SELECT name FROM maker m WHERE EXISTS (SELECT country FROM car c WHERE c.maker = m.id)",
        "SELECT m.name FROM maker m JOIN car c ON c.maker = m.id AND c.model <> m.name",
    ],
)
async def test_what_only_looks_like_a_fault(cars: Sql, sql: str) -> None:
    evidence = await ask(cars, sql)
    assert evidence.outcome is Outcome.passed, evidence.observation


def test_confidences_are_probabilities() -> None:
    assert all(0 < value < 1 for value in CONFIDENCE.values())
