"""Command line of the measurements."""

import argparse

from loadtests.webhooks import flood, slow, throughput
from loadtests.webhooks.engine import measure

_MEASUREMENTS = {"flood": flood.run, "throughput": throughput.run, "slow": slow.run}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.webhooks", description="Measurements of webhooks.")
    parser.add_argument("measurement", choices=sorted(_MEASUREMENTS))
    measure(_MEASUREMENTS[parser.parse_args().measurement])


if __name__ == "__main__":
    main()
