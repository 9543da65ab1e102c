"""A program that plays Redis where there is none: `python -m bootstrap.fake_redis PORT`."""

import sys

from fakeredis import TcpFakeServer


def main() -> None:
    """Serve on the loopback interface until killed; what it holds is in memory only."""
    with TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_version=(7, 2)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
