import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

_SOURCE: Final = Path(__file__).resolve().parents[2] / "src"
_LAST: Final = "# the list has it again"


@pytest.fixture
def demo(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[str]"]:
    """`holdfast demo`, with the arguments that a test gives as its parameter."""
    directory = tempfile.mkdtemp(prefix="holdfast-demo-")
    Path(directory).chmod(0o711)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    environment |= {"HOLDFAST_DATA_DIR": directory, "HOLDFAST_PORT": "0", "PYTHONPATH": str(_SOURCE)}
    command = [sys.executable, "-c", "from cli.main import main; main()", "demo", *getattr(request, "param", [])]
    with subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()
    shutil.rmtree(directory)


@pytest.mark.parametrize("demo", [[], ["--example", "consultant"]], ids=["barbershop", "consultant"], indirect=True)
def test_demo_prints_requests_that_work_as_pasted(demo: "subprocess.Popen[str]") -> None:
    script = _printed_requests(demo)

    pasted = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    page = httpx.get(f"{script.split()[0].removeprefix('URL=')}/")

    listed, start, hold, *refused, appointment, gone, cancelled, back = pasted.stdout.splitlines()
    assert f'"start":"{start}"' in listed
    assert hold.startswith("hld_")
    assert refused[0].split()[1] == "409"
    assert '"code":"slot_held"' in refused[-1]
    assert appointment.startswith("apt_")
    assert '"status":"cancelled"' in cancelled
    assert (gone, back) == ("0", "1")
    assert 'src="/widget.js" data-key="hfp_' in page.text


def test_demo_prints_the_operations_page_and_the_key_that_opens_it(demo: "subprocess.Popen[str]") -> None:
    assert demo.stdout is not None
    (address, key) = next((line.split()[2], line.split()[-1]) for line in demo.stdout if line.startswith("  watch it"))

    page = httpx.get(address)
    answers = [httpx.get(f"{address}/data", headers={"Authorization": f"Bearer {one}"}) for one in (key, key[1:])]

    assert page.headers["Content-Type"].startswith("text/html")
    assert [answer.status_code for answer in answers] == [httpx.codes.OK, httpx.codes.UNAUTHORIZED]
    assert answers[0].json()["health"]["postgres"]


def test_demo_prints_the_address_that_opens_its_mailbox(demo: "subprocess.Popen[str]") -> None:
    assert demo.stdout is not None
    address = next(line.split()[-1] for line in demo.stdout if line.startswith("  its mails"))
    page, _, key = address.partition("#")

    answers = [httpx.get(f"{page}/messages", headers={"Authorization": f"Bearer {one}"}) for one in (key, key[1:])]

    assert httpx.get(page).headers["Content-Type"].startswith("text/html")
    assert [answer.status_code for answer in answers] == [httpx.codes.OK, httpx.codes.UNAUTHORIZED]
    assert answers[0].json() == {"data": []}


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_demo_ends_in_good_order_when_told_to(demo: "subprocess.Popen[str]", stop: signal.Signals) -> None:
    _printed_requests(demo)

    demo.send_signal(stop)

    assert demo.wait(timeout=60) == 0


def _printed_requests(demo: "subprocess.Popen[str]") -> str:
    """What is to be pasted, as one script; returns when the server is up."""
    assert demo.stdout is not None
    lines: list[str] = []
    for line in demo.stdout:
        if lines or line.startswith("URL="):
            lines.append(line)
        if len(lines) > 1 and lines[-2].startswith(_LAST):
            return "".join(lines)
    pytest.fail("the demo ended before it had printed its requests")
