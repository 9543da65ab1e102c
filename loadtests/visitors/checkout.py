"""The requests of somebody who holds, confirms and changes, on Locust."""

from collections.abc import Mapping
from typing import Any

from loadtests.faults.history import Operation
from loadtests.visitors.visitor import Request, Visitor


class Customer(Visitor):
    """A visitor who wants an appointment."""

    abstract = True

    def place_hold(self, wish: Mapping[str, Any], *, ttl_seconds: float, replaces: str | None = None) -> dict[str, Any]:
        """The hold; empty where it was refused. It is the same for every try of the same client."""
        body = {**wish, "client": self.person, "ttl_seconds": max(1, round(ttl_seconds))}
        # Whoever comes too late to replace the hold wants the other start all the same.
        body |= {} if replaces is None else {"replaces": replaces, "replaces_optional": True}
        attempt = self.next_attempt()
        return self.until_told(
            Request(
                name="place hold", method="POST", path="/v1/holds", operation=Operation.HOLD, attempt=attempt, body=body
            )
        )

    def extend_hold(self, hold_id: str, *, ttl_seconds: float) -> dict[str, Any]:
        """The hold with its new end; empty where it was refused."""
        return self.ask(
            Request(
                name="extend hold",
                method="POST",
                path=f"/v1/holds/{hold_id}/extend",
                operation=Operation.EXTEND,
                attempt=hold_id,
                subject=hold_id,
                body={"ttl_seconds": max(1, round(ttl_seconds))},
            )
        )

    def release_hold(self, hold_id: str) -> None:
        """Give it up."""
        self.ask(
            Request(
                name="release hold",
                method="DELETE",
                path=f"/v1/holds/{hold_id}",
                operation=Operation.RELEASE,
                attempt=hold_id,
                subject=hold_id,
            )
        )

    def confirm_hold(self, hold_id: str, *, if_free: bool = False, twice: bool = False) -> dict[str, Any]:
        """The appointment; empty where it was refused. `twice` sends the very same request once more."""
        attempt = self.next_attempt()
        body = self.details(attempt) | ({"if_free": True} if if_free else {})
        request = Request(
            name="confirm late" if if_free else "confirm hold",
            method="POST",
            path=f"/v1/holds/{hold_id}/confirm",
            operation=Operation.CONFIRM,
            attempt=attempt,
            subject=hold_id,
            body=body,
            headers={"Idempotency-Key": attempt},
        )
        booked = self.until_told(request)
        return self.until_told(request) if twice else booked

    def book(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """An appointment in one step; empty where it was refused."""
        attempt = self.next_attempt()
        return self.until_told(
            Request(
                name="book",
                method="POST",
                path="/v1/appointments",
                operation=Operation.BOOK,
                attempt=attempt,
                body={**wish, **self.details(attempt)},
                headers={"Idempotency-Key": attempt},
            )
        )

    def read(self, appointment: Mapping[str, Any]) -> dict[str, Any]:
        """The appointment, as the link in its customer's e-mail shows it."""
        path, token = f"/v1/appointments/{appointment['id']}", appointment["token"]
        return self.ask(Request(name="read appointment", method="GET", path=path, credential=token))

    def change(self, operation: Operation, appointment: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """The appointment as it is then, asked for with the customer's own token; empty where it was refused."""
        return self.until_told(
            Request(
                name=operation.value,
                method="POST",
                path=f"/v1/appointments/{appointment['id']}/{operation}",
                operation=operation,
                attempt=appointment["id"],
                subject=appointment["id"],
                body=body,
                headers={"Idempotency-Key": self.next_attempt()},
                credential=appointment["token"],
            )
        )
