"""The files of deploy/ and docker-compose.yml agree with the program and with one another."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tgd.config import SETTINGS
from tgd.demo.broker import start_broker
from tgd.metrics import Metrics

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
KEYS = {
    *("build", "image", "command", "entrypoint", "environment", "ports", "volumes", "depends_on"),
    *("healthcheck", "restart", "read_only", "tmpfs", "cap_drop", "security_opt", "shm_size"),
    *("stop_signal", "stop_grace_period"),
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_is_well_formed(name: str) -> None:
    service = COMPOSE["services"][name]
    assert set(service) <= KEYS
    assert "image" in service
    for other, how in service.get("depends_on", {}).items():
        target = COMPOSE["services"][other]
        assert how["condition"] in CONDITIONS
        if how["condition"] == "service_healthy":
            assert "build" in target or "test" in target["healthcheck"]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / source).exists()
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_the_services_of_the_first_form_are_there() -> None:
    assert {"postgres", "mosquitto", "migrate", "server", "simulator", "prometheus"} <= set(
        COMPOSE["services"]
    )


def test_every_setting_in_the_compose_file_is_one_of_ours() -> None:
    given = COMPOSE["services"]["server"]["environment"]
    assert set(given) <= {setting.name for setting in SETTINGS}


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = re.findall(r"\$\{(\w+)(:?[-?]?)", text)
    assert {mode for _, mode in used} == {":?"}
    example = (ROOT / ".env.example").read_text()
    for name, _ in used:
        assert re.search(rf"^{name}=$", example, re.MULTILINE)


def test_the_image_runs_as_nobody_in_particular_and_is_watched() -> None:
    lines = (ROOT / "deploy/Dockerfile").read_text().splitlines()
    assert "USER tgd" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)


def test_every_figure_in_an_alarm_is_measured() -> None:
    text = Metrics().render().decode()
    known = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    for group in RULES["groups"]:
        for rule in group["rules"]:
            used = set(re.findall(r"\btgd_\w+", rule["expr"]))
            assert {name.removesuffix("_bucket") for name in used} <= known
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert rule["annotations"]["summary"]


def test_compose_itself_finds_the_file_valid(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    plugin = docker and subprocess.run(
        [docker, "compose", "version"], check=False, capture_output=True
    )
    if not plugin or plugin.returncode:
        pytest.skip("docker compose is not there (not needed otherwise)")
    env = tmp_path / "env"
    env.write_text(f"POSTGRES_PASSWORD=invented\nTGD_SECRET_KEY={'ab' * 32}\n")
    subprocess.run(
        [docker, "compose", "--env-file", env, "-f", ROOT / "docker-compose.yml", "config", "-q"],
        check=True,
    )


@pytest.mark.needs_mosquitto
def test_the_demo_s_broker_has_the_project_s_settings(tmp_path: Path) -> None:
    broker = start_broker(0, tmp_path, kind="mosquitto")
    broker.stop()
    generated = (tmp_path / "mosquitto.conf").read_text().splitlines()
    for line in (ROOT / "deploy/mosquitto/mosquitto.conf").read_text().splitlines():
        if line and not line.startswith(("#", "persistence_location", "log_dest", "include_dir")):
            assert line in generated
