"""Whether the image and the compose file name what there is."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pytest
import yaml

from api.routes.health import router
from bootstrap.settings import Settings
from cli.main import application
from persistence.sealing import MasterKeys

_ROOT: Final = Path(__file__).resolve().parents[2]
_COMPOSE: Final = _ROOT / "docker-compose.yml"
_COMPOSE_FILE: Final[dict[str, Any]] = yaml.safe_load(_COMPOSE.read_text())
_SERVICES: Final[dict[str, dict[str, Any]]] = _COMPOSE_FILE["services"]
_ENGINES: Final = ("api", "migrate", "worker")
_SETTINGS: Final = {f"HOLDFAST_{name.upper()}": field for name, field in Settings.model_fields.items()}
_NAME: Final = re.compile(r"\bHOLDFAST_[A-Z_]+\b")
_ALERT: Final = re.compile(r"^\s*- alert: *(\w+)", re.MULTILINE)
_VARIABLE: Final = re.compile(r"\$\{(\w+)([^}]*)\}")
# The key of the booking page is published with it, and the site key of the challenge too.
_SECRET: Final = re.compile(r"PASSWORD|(?<!PAGE)(?<!SITE)_KEY$|AUTH$")
# Of the container alone: where it listens, as the image says, its stores, and a folder for stores that it has not.
_OF_THE_CONTAINER: Final = {"DATABASE_URL", "DATABASE_DIRECT_URL", "REDIS_URL", "DATA_DIR", "HOST", "PORT"}
_DEFAULT: Final = re.compile(r"\$\{\w+:-(.*)\}")
# Where an alert says what to do.
_RUNBOOK: Final = re.compile(r"docs/runbooks/[\w-]+\.md")
_DOCKERFILE: Final = re.sub(r"\\\n", " ", (_ROOT / "Dockerfile").read_text())
_UNITS: Final = {"s": 1, "m": 60}


def _instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} +(.*)$", _DOCKERFILE, re.MULTILINE)


def _copied() -> Iterator[str]:
    """What the image takes from the checkout."""
    for arguments in _instructions("COPY"):
        if not arguments.startswith("--from="):
            yield from arguments.split()[:-1]


def _environment_of_the_image() -> list[str]:
    """Each variable that the image sets, with its value."""
    return [pair for instruction in _instructions("ENV") for pair in instruction.split() if "=" in pair]


def _commands() -> set[str]:
    return {command.callback.__name__ for command in application.registered_commands if command.callback}


def _mounts(service: str) -> Iterator[str]:
    for volume in _SERVICES[service].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            yield source


def _texts(value: object) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * _UNITS[duration[-1]]


def test_compose_file_is_one() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(_COMPOSE)]

    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


def test_compose_file_sets_only_settings() -> None:
    named = {name for service in _ENGINES for name in _SERVICES[service].get("environment", {})}

    assert "HOLDFAST_REDIS_URL" in named
    assert named - _SETTINGS.keys() == set()


@pytest.mark.parametrize("service", ["api", "worker"])
def test_compose_file_passes_every_setting(service: str) -> None:
    environment = _SERVICES[service]["environment"]
    passed = _SETTINGS.keys() - {f"HOLDFAST_{name}" for name in _OF_THE_CONTAINER}

    assert [name for name in sorted(passed) if not str(environment.get(name)).startswith(f"${{{name}:")] == []


def test_defaults_of_the_compose_file_are_those_of_the_settings_but_for_four() -> None:
    environment = _SERVICES["api"]["environment"]
    defaults = {name: found[1] for name, text in environment.items() if (found := _DEFAULT.fullmatch(str(text)))}

    assert {name: default for name, default in defaults.items() if default} == {
        "HOLDFAST_WORKERS": "2",
        "HOLDFAST_ERASURE_JOURNAL": "/var/lib/holdfast/erasures.jsonl",
        "HOLDFAST_SHUTDOWN_GRACE_SECONDS": str(_SETTINGS["HOLDFAST_SHUTDOWN_GRACE_SECONDS"].default),
        "HOLDFAST_LOG_FORMAT": dict(line.split("=") for line in _environment_of_the_image())["HOLDFAST_LOG_FORMAT"],
    }


@pytest.mark.parametrize("file", ["Dockerfile", "docker-compose.yml", "deploy/prometheus/prometheus.yml"])
def test_named_settings_exist(file: str) -> None:
    assert set(_NAME.findall((_ROOT / file).read_text())) - _SETTINGS.keys() == set()


@pytest.mark.parametrize("service", _SERVICES)
def test_mounted_paths_exist(service: str) -> None:
    assert [path for path in _mounts(service) if not (_ROOT / path).exists()] == []


@pytest.mark.parametrize("service", _SERVICES)
def test_ports_are_open_to_this_machine_alone(service: str) -> None:
    ports = _SERVICES[service].get("ports", [])

    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert bool(ports) == (service in {"api", "grafana"})


@pytest.mark.parametrize("service", _SERVICES)
def test_services_wait_for_what_is_there_and_tells(service: str) -> None:
    waits = _SERVICES[service].get("depends_on", {})

    for other, wait in waits.items():
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in _SERVICES[other] or _SERVICES[other]["image"] == "holdfast"
        else:
            assert (other, wait["condition"]) == ("migrate", "service_completed_successfully")


@pytest.mark.parametrize("service", _ENGINES)
def test_commands_of_the_engine_exist(service: str) -> None:
    assert set(_SERVICES[service]["command"]) <= _commands()


def test_servers_own_no_tables() -> None:
    users = {
        service: re.match(r"postgresql://(\w+):", _SERVICES[service]["environment"]["HOLDFAST_DATABASE_URL"])
        for service in _ENGINES
    }

    assert {service: user and user[1] for service, user in users.items()} == {
        "api": "holdfast_server",
        "migrate": "holdfast_owner",
        "worker": "holdfast_server",
    }


@pytest.mark.parametrize("service", ["api", "worker"])
def test_journal_of_erasures_is_on_a_volume_that_the_account_of_the_image_may_write(service: str) -> None:
    journal = _DEFAULT.fullmatch(_SERVICES[service]["environment"]["HOLDFAST_ERASURE_JOURNAL"])
    assert journal is not None
    folder = str(Path(journal[1]).parent)

    assert f"erasures:{folder}" in _SERVICES[service]["volumes"]
    assert "erasures" in _COMPOSE_FILE["volumes"]
    assert re.search(rf"install --directory --owner 10001 .*{folder}$", _DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize("service", ["api", "worker"])
def test_nothing_is_killed_within_its_grace(service: str) -> None:
    grace = _DEFAULT.fullmatch(_SERVICES[service]["environment"]["HOLDFAST_SHUTDOWN_GRACE_SECONDS"])
    period = _DEFAULT.fullmatch(_SERVICES[service]["stop_grace_period"])

    assert grace is not None
    assert period is not None
    assert _seconds(period[1]) > int(grace[1])


def test_proxy_in_front_of_the_containers_can_be_named() -> None:
    assert _SERVICES["api"]["environment"]["HOLDFAST_TRUSTED_PROXIES"] == "${HOLDFAST_TRUSTED_PROXIES:-}"


def test_compose_file_has_no_password_that_others_know() -> None:
    named = {name for text in _texts(_COMPOSE_FILE) for name, _ in _VARIABLE.findall(text) if _SECRET.search(name)}
    lax = {
        text
        for text in _texts(_COMPOSE_FILE)
        for name, rest in _VARIABLE.findall(text)
        if _SECRET.search(name) and not rest.startswith(":?")
    }
    written = {
        f"{service}: {name}"
        for service, settings in _SERVICES.items()
        for name, value in settings.get("environment", {}).items()
        if _SECRET.search(name) and not str(value).startswith("${")
    }

    assert len(named) == 7
    assert lax == set()
    assert written == set()


def test_secrets_are_made_for_the_compose_file_once(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "secrets.sh"
    script.write_text((_ROOT / "deploy" / "secrets.sh").read_text())
    env = tmp_path / ".env"
    env.write_text("REDIS_PASSWORD=mine\nGRAFANA_PASSWORD=\nHOLDFAST_PORT=81")

    subprocess.run(["/bin/sh", script], check=True, capture_output=True)
    first = env.read_text()
    subprocess.run(["/bin/sh", script], check=True, capture_output=True)

    values = dict(line.split("=", 1) for line in first.splitlines())
    named = {name for text in _texts(_COMPOSE_FILE) for name, _ in _VARIABLE.findall(text) if _SECRET.search(name)}
    made = [values[name] for name in named - {"REDIS_PASSWORD", "HOLDFAST_MASTER_KEY"}]
    assert env.read_text() == first
    assert (values["REDIS_PASSWORD"], values["HOLDFAST_PORT"]) == ("mine", "81")
    assert len(set(made)) == 5
    assert all(re.fullmatch("[0-9a-f]{48}", secret) for secret in made)
    assert MasterKeys.parse(values["HOLDFAST_MASTER_KEY"]).current_key_id
    assert env.stat().st_mode & 0o077 == 0


def test_full_redis_drops_nothing() -> None:
    command = _SERVICES["redis"]["command"]

    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_image_takes_what_there_is_and_is_let_through() -> None:
    allowed = {line[1:] for line in (_ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = list(_copied())

    assert [path for path in copied if not (_ROOT / path).exists()] == []
    assert {path.split("/")[0] for path in copied} == allowed


def test_image_takes_every_folder_of_the_package() -> None:
    pyproject = (_ROOT / "pyproject.toml").read_text()
    included = re.search(r"^only-include = (\[.*\])$", pyproject, re.MULTILINE)

    assert included is not None
    assert set(json.loads(included[1])) <= set(_copied())


def test_package_has_within_it_what_a_checkout_has_at_its_root(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    files = {
        path.relative_to(_ROOT).as_posix()
        for folder in ("examples", "lua", "migrations")
        for path in (_ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    subprocess.run(command, cwd=_ROOT, capture_output=True, check=True)

    (wheel,) = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    within = {name.removeprefix("persistence/files/") for name in names}
    assert files - within == set()
    assert [name for name in names if name.startswith(("benchmark/", "tools/"))] == []
    words = {
        path.relative_to(_ROOT / "src").as_posix()
        for folder in ("catalogues", "templates")
        for path in (_ROOT / "src/messages/content" / folder).iterdir()
    }
    assert words
    assert words <= set(names)


def test_image_runs_as_nobody_in_particular() -> None:
    last = _instructions("USER")[-1]

    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last)


def test_image_is_asked_whether_it_lives() -> None:
    (check,) = _instructions("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    paths = {getattr(route, "path", "") for route in router.routes}

    compile(command[-1], "healthcheck", "exec")
    assert [path for path in paths if path in command[-1]] == ["/healthz"]


def test_image_serves_unless_told_otherwise() -> None:
    (entrypoint,), (command,) = _instructions("ENTRYPOINT"), _instructions("CMD")

    assert json.loads(entrypoint) == ["holdfast"]
    assert set(json.loads(command)) <= _commands()


def test_alerts_have_runbooks() -> None:
    """Each alert names one, and each that is there is linked."""
    listed = (_ROOT / "docs/runbooks/README.md").read_text()
    rules = "".join(file.read_text() for file in (_ROOT / "deploy/prometheus").glob("alerts*.yml"))

    assert [page.name for page in (_ROOT / "docs/runbooks").glob("*.md") if f"({page.name})" not in listed] == [
        "README.md"
    ]
    assert [alert for alert in _ALERT.findall(rules) if f"`{alert}`" not in listed] == []
    assert [page for page in _RUNBOOK.findall(rules) if not (_ROOT / page).exists()] == []
