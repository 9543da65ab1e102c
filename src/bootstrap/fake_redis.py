"""A program that plays Redis where there is none: `python -m bootstrap.fake_redis PORT`."""

import sys

from fakeredis import TcpFakeServer
from fakeredis._clients._tcp_server import TCPFakeRequestHandler

from persistence.redis import ResponseError


class _Handler(TCPFakeRequestHandler):
    """As Redis does, answer an error with an error; the library's own handler closes the connection instead.

    A script that the server does not have is such an error, and is sent again on the same connection (persistence.lua).
    """

    def setup(self) -> None:
        """Get ready for one connection."""
        super().setup()
        read = self.current_client.read_response

        def read_response() -> object:
            try:
                return read()
            except ResponseError as error:
                return error

        # The library has no seam for this; the attribute of the one connection is replaced.
        self.current_client.read_response = read_response  # type: ignore[method-assign, assignment]


def main() -> None:
    """Serve on the loopback interface until killed; what it holds is in memory only."""
    with TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_version=(7, 2)) as server:
        server.RequestHandlerClass = _Handler
        server.serve_forever()


if __name__ == "__main__":
    main()
