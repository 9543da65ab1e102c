from tests.support.schema_dump import SCHEMA, dump


def test_committed_schema_is_that_of_head(database_url: str) -> None:
    written = dump(database_url)

    assert written == SCHEMA.read_text(), "run `make schema` and commit what it writes"
