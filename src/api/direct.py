"""Routes that are found by their path at once, and that answer most requests without FastAPI."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Scope

from api.body import Body
from api.dependencies import Arrival
from api.plan import plan_for

Found = tuple["DirectRoute", dict[str, str]]


class DirectRoute(APIRoute):
    """A route that FastAPI documents, and answers where this class does not."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        super().__init__(path, endpoint, **options)
        self._plan = plan_for(self.dependant)

    @property
    def is_direct(self) -> bool:
        """Whether there is a plan for the endpoint."""
        return self._plan is not None

    def takes(self, _method: str, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request may come here. The few that expect a version go FastAPI's way."""
        return b"if-match" not in headers

    async def respond(self, arrival: Arrival, body: Body) -> Response | None:
        """The endpoint's answer; None, before it has been called, if FastAPI has to look at the request.

        Raises the DomainError that refuses the request.
        """
        assert self._plan is not None
        arguments = await self._plan.arguments(arrival, body)
        if arguments is None:
            return None
        response: Response = await self.endpoint(**arguments)
        return response


class DirectRoutes:
    """The direct ones among the routes, as a tree of the parts of their paths."""

    def __init__(self, routes: Iterable[object]) -> None:
        self._root = _Node()
        for route in routes:
            if isinstance(route, DirectRoute) and route.is_direct:
                self._root.add(route)

    def find(self, scope: Scope) -> Found | None:
        """The route of that method and path, with what the path fills in; None sends the request on to FastAPI."""
        if scope.get("root_path"):
            return None
        node, values = self._root, []
        for part in scope["path"][1:].split("/"):
            child = node.children.get(part)
            if child is None:
                child = node.anything
                if child is None or not part:
                    return None
                values.append(part)
            node = child
        route = node.by_method.get(scope["method"])
        return None if route is None else (route, dict(zip(route.param_convertors, values, strict=True)))


class _Node:
    """Where a path may lead from one part to the next."""

    __slots__ = ("anything", "by_method", "children")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.anything: _Node | None = None
        self.by_method: dict[str, DirectRoute] = {}

    def add(self, route: DirectRoute) -> None:
        node = self
        for part in route.path[1:].split("/"):
            if part.startswith("{"):
                assert ":" not in part, "Such parts may match several, which is left to Starlette."
                node.anything = node.anything or _Node()
                node = node.anything
            else:
                node = node.children.setdefault(part, _Node())
            # Else it would depend on their order which of two routes a path means (api.app has it).
            assert not (node.children and node.anything), route.path
        for method in route.methods or ():
            node.by_method.setdefault(method, route)
