import importlib.util
from pathlib import Path

import pytest

from bootstrap.embedded_redis import find_redis
from bootstrap.processes import StoreFailed, own_account


def test_redis_is_asked_for_where_nothing_can_play_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(StoreFailed, match="HOLDFAST_REDIS_URL"):
        find_redis(tmp_path, account=own_account(), fake=False, databases=1, durable=False)
