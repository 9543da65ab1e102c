"""The rules answer each row of the documented table of neighbours as it says."""

import pytest

from availability.model import Reason
from availability.rules.bitmaps import every_minute, from_spans
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import ResourceState, StartQuery
from availability.rules.explain import reason_for_start
from availability.rules.search import search
from kernel.spans import MINUTES_PER_DAY, Span
from tests.support.documents import catalogue_of
from tests.support.engine import MONDAY
from tests.support.neighbours import Kind, Row, document_for, rows


def _state(row: Row, window: Span) -> ResourceState:
    """What the neighbours have taken, each with its own buffers."""
    taken = {kind: [n.buffers.around(n.span) for n in row.neighbours if n.kind is kind] for kind in Kind}
    time_off_free = every_minute(window) & ~from_spans(taken[Kind.TIME_OFF], window)
    return ResourceState(
        time_off_free=time_off_free,
        lanes=(time_off_free & ~from_spans(taken[Kind.VISIT], window),),
        held=(from_spans(taken[Kind.HOLD], window),),
    )


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.text)
def test_rules_answer_each_row(row: Row) -> None:
    index = CatalogueIndex(catalogue_of(document_for([row])))
    service = index.catalogue.find_service(row.key)
    assert service is not None
    (resource_id,) = index.requirements(service).resource_ids
    window = Span(row.start - MINUTES_PER_DAY, row.start + MINUTES_PER_DAY)
    question = StartQuery(service=service, now=MONDAY, starts=Span(row.start, row.start + 1), window=window)
    states = {resource_id: _state(row, window)}

    offered = search(index, question, states).starts()

    assert offered == ([row.start] if row.reason is None else [])
    assert reason_for_start(index, question, states, row.start) is row.reason


def test_table_has_every_kind_of_neighbour_and_answer() -> None:
    table = rows()

    assert {neighbour.kind for row in table for neighbour in row.neighbours} == set(Kind)
    assert {row.reason for row in table} == {None, Reason.CLOSED, Reason.TIME_OFF, Reason.FULLY_BOOKED, Reason.HELD}
    assert len({row.text.rpartition(" | ")[0] for row in table}) == len(table)
