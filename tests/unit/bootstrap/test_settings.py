import pytest
from pydantic import ValidationError

from bootstrap.settings import Settings, unknown_variables


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:se/cret@db.example:5432/shop",
        "postgresql://ada:12/secret@db.example/shop",
        "postgresql://ada:se@cret@db.example/shop",
        "postgresql://ada:se#cret@db.example/shop",
        "postgresql://ada:se?cret@db.example/shop",
        "postgresql://ada:secret@db.example:port/shop",
    ],
)
def test_url_with_a_password_that_is_not_escaped_is_refused_without_it(url: str) -> None:
    with pytest.raises(ValidationError, match="%2F") as refused:
        Settings(_env_file=None, database_url=url)

    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:se%2Fcret@db.example:5432/shop?sslmode=require",
        "postgres://ada@[::1]:5432,db.example/shop",
        "postgresql:///shop?host=/run/postgresql&user=ada",
        "postgresql://db.example",
        "postgresql://ada:a:b@10.0.0.1:5432,10.0.0.2:5432/shop?target_session_attrs=read-write",
    ],
)
def test_url_is_taken_when_its_parts_are_apart(url: str) -> None:
    settings = Settings(_env_file=None, database_url=url)

    assert settings.database_url == url.replace("postgres://", "postgresql://")


@pytest.mark.parametrize("url", ["redis://:se/cret@redis:6379/0", "rediss://ada:se#cret@redis:6379"])
def test_url_of_redis_with_a_password_that_is_not_escaped_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="%2F") as refused:
        Settings(_env_file=None, redis_url=url)

    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["redis://:s3cret@redis:6379/0", "rediss://ada:a@b@redis", "unix:///run/redis.sock?db=2", "redis://[::1]:6379"],
)
def test_url_of_redis_is_taken_when_its_parts_are_apart(url: str) -> None:
    assert Settings(_env_file=None, redis_url=url).redis_url == url


def test_variables_of_a_service_named_holdfast_are_neither_settings_nor_warned_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = "tcp://10.0.0.1:80"
    monkeypatch.setenv("HOLDFAST_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("HOLDFAST_SERVICE_PORT_HTTP", "80")
    monkeypatch.setenv("HOLDFAST_API_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("HOLDFAST_API_PORT", address)
    monkeypatch.setenv("HOLDFAST_PORT", address)
    monkeypatch.setenv("HOLDFAST_PORT_80_TCP", address)
    monkeypatch.setenv("HOLDFAST_PORT_80_TCP_ADDR", "10.0.0.1")
    monkeypatch.setenv("HOLDFAST_SERVICE_HOSTS", "a,b")

    assert list(unknown_variables()) == ["HOLDFAST_SERVICE_HOSTS"]
    assert Settings(_env_file=None).port == 8080
