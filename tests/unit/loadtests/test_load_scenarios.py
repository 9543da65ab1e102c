"""Whether every scenario is made of user classes that Locust finds. It is not imported: it patches sockets."""

import ast
from pathlib import Path
from typing import Final

from loadtests.scenarios import SCENARIOS

_LOCUSTFILE: Final = Path(__file__).resolve().parents[3] / "loadtests/locustfile.py"


def test_scenarios_are_made_of_the_user_classes_of_the_locustfile() -> None:
    tree = ast.parse(_LOCUSTFILE.read_text())
    (listed,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]

    assert {name for classes in SCENARIOS.values() for name in classes} == set(listed)
