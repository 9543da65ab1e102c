import pytest
from redis import exceptions

from persistence.errors import RedisUnavailable, redis_errors


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionError("Connection refused"),
        exceptions.TimeoutError("Timeout reading"),
        exceptions.AuthenticationError("WRONGPASS"),
        exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
        exceptions.ReadOnlyError("You can't write against a read only replica."),
        exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        exceptions.MasterDownError("Link with MASTER is down"),
        exceptions.ResponseError("BUSY Redis is busy running a script. You can only call SCRIPT KILL"),
        exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=lambda error: f"{type(error).__name__} {str(error)[:8]}",
)
def test_redis_is_unavailable_when_the_server_is_not_able(error: Exception) -> None:
    with pytest.raises(RedisUnavailable), redis_errors():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ResponseError("WRONGTYPE Operation against a key"),
        exceptions.ResponseError("user_script:12: attempt to index a nil value"),
        ValueError("not of Redis"),
    ],
    ids=str,
)
def test_fault_of_the_command_is_not_the_stores(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), redis_errors():
        raise error
