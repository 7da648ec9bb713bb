"""Configuration: one table, both sources, wrong names and values refused in one clear line."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tgd.config import SETTINGS, Config, ConfigError, Deadlines
from tgd.platform.channels.cisu_wire import shared_case_id

GIVEN = {
    "TGD_DATABASE_URL": "postgresql://tgd:hunter2@db/tgd",
    "TGD_MQTT_URL": "mqtts://tgd:hunter3@one, mqtt://two:1884",
    "TGD_SECRET_KEY": "0123456789abcdef" * 4,
}


def test_the_defaults_of_the_table_are_those_of_the_class() -> None:
    config = Config.load({"TGD_INSTANCE": "tgd"}, need=())
    assert config == Config()
    named = {name.field.removeprefix("deadline_").removesuffix("_s") for name in SETTINGS}
    own = {f.name for f in fields(Config)} - {"deadlines"} | {f.name for f in fields(Deadlines)}
    assert named == own
    for setting in SETTINGS:
        given = getattr(config, setting.field, setting.default)
        assert given == setting.default or setting.secret or setting.field == "instance"


def test_the_deadlines_are_the_protocol_s() -> None:
    assert Config().deadlines == Deadlines(
        *(7.0, 20.0, 30.0, 60.0, 10.0, 60.0, 180.0, 1800.0, 60.0, None, 3.0)
    )


def test_everything_is_read_from_the_environment() -> None:
    config = Config.load(GIVEN | {"TGD_DEADLINE_ANSWER_S": "0.25", "PATH": "/bin"})
    assert config.database_url == GIVEN["TGD_DATABASE_URL"]
    assert config.mqtt_urls == ("mqtts://tgd:hunter3@one", "mqtt://two:1884")
    assert config.deadlines.answer == 0.25
    assert config.instance


def test_a_repr_shows_no_secret() -> None:
    shown = repr(Config.load(GIVEN))
    assert "hunter" not in shown
    assert GIVEN["TGD_SECRET_KEY"] not in shown


def test_a_file_gives_the_same_and_the_environment_wins(tmp_path: Path) -> None:
    path = tmp_path / "tgd.toml"
    path.write_text(
        'TGD_SENDER_ID = "fr.tgd.autre"\nbatch_max = 7\ndeadline_voice_s = 1.5\n'
        'forward_unverified = false\nlog_level = "debug"\n'
    )
    given = GIVEN | {"TGD_CONFIG": str(path), "TGD_BATCH_MAX": "8"}
    config = Config.load(given)
    assert config.sender_id == "fr.tgd.autre"
    assert config.batch_max == 8
    assert config.deadlines.voice == 1.5
    assert config.forward_unverified is False
    assert config.log_level == "debug"


def test_with_our_name_before_it_a_case_number_still_fits_the_framework_s() -> None:
    longest = "fr" + ".a" * 8
    assert Config.load(GIVEN | {"TGD_SENDER_ID": longest}).sender_id == longest
    number = shared_case_id(longest, "20261121-000042")
    assert re.fullmatch(r"([a-zA-Z0-9_-]+\.?){4,10}", number)  # the official pattern
    with pytest.raises(ConfigError, match="at most nine words"):
        Config.load(GIVEN | {"TGD_SENDER_ID": longest + ".a"})


def test_a_secret_comes_out_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("ab" * 32 + "\n")
    config = Config.load({"TGD_SECRET_KEY_FILE": str(path)}, need=("secret_key",))
    assert config.secret_key == "ab" * 32


def test_a_secret_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="give one of them"):
        Config.load(GIVEN | {"TGD_SECRET_KEY_FILE": "/dev/null"})


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({}, None),
        ({"HOME": "/home/a"}, "/home/a/.local/state/tgd/keys"),
        ({"HOME": "/home/a", "XDG_STATE_HOME": "/state"}, "/state/tgd/keys"),
        ({"XDG_STATE_HOME": "/state", "STATE_DIRECTORY": "/var/lib/tgd:/x"}, "/var/lib/tgd/keys"),
        ({"STATE_DIRECTORY": "/var/lib/tgd", "TGD_KEY_DIR": "/keys"}, "/keys"),
    ],
)
def test_the_key_store_is_where_a_service_keeps_its_state(
    environ: dict[str, str], directory: str | None
) -> None:
    assert Config.load(GIVEN | environ).key_dir == (Path(directory) if directory else None)


def test_only_what_is_close_is_suggested() -> None:
    with pytest.raises(ConfigError) as refused:
        Config.load(GIVEN | {"TGD_FOO": "3"})
    assert str(refused.value) == "TGD_FOO in the environment is not a setting"


@pytest.mark.parametrize("name", ["TGD_DATABASE_URL", "TGD_MQTT_URL", "TGD_SECRET_KEY"])
def test_what_is_needed_and_absent_is_named(name: str) -> None:
    rest = {key: value for key, value in GIVEN.items() if key != name}
    with pytest.raises(ConfigError, match=f"^{name} is not set"):
        Config.load(rest)
    assert Config.load(rest, need=())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TGD_DEADLINE_ANSWR_S", "3", "did you mean TGD_DEADLINE_ANSWER_S?"),
        ("TGD_DATABSE_URL", "x", "did you mean TGD_DATABASE_URL?"),
        ("TGD_DEADLINE_ANSWER_S", "0", "greater than 0"),
        ("TGD_DEADLINE_ANSWER_S", "nan", "greater than 0"),
        ("TGD_DEADLINE_ANSWER_S", "inf", "greater than 0"),
        ("TGD_DEADLINE_ANSWER_S", "-1", "greater than 0"),
        ("TGD_DEADLINE_ANSWER_S", "soon", "must be a number"),
        ("TGD_DEADLINE_ANSWER_S", "121", "at most 120, not 121"),
        ("TGD_BATCH_MAX", "1.5", "whole number"),
        ("TGD_HTTP_LISTEN", "8080", "HOST:PORT"),
        ("TGD_HTTP_LISTEN", "127.0.0.1:70000", "HOST:PORT"),
        ("TGD_LOG_FORMAT", "xml", "one of text, json"),
        ("TGD_FORWARD_UNVERIFIED", "maybe", "true or false"),
        ("TGD_MQTT_CA", "/nonexistent", "file that exists"),
        ("TGD_CALLBACK_NUMBER", "17", "telephone number"),
        ("TGD_CONFIG", "/nonexistent", "cannot read"),
        ("TGD_SECRET_KEY_FILE", "/nonexistent", "cannot read"),
        ("TGD_KEY_DIR", "keys", "must be the full path"),
        ("TGD_KEY_DIR", "/dev/null", "must be the full path"),
        ("TGD_X", "1", "is not a setting"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.load({name: value}, need=())
    assert name in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TGD_DATABASE_URL", "mysql://tgd:hunter2@db"),
        ("TGD_MQTT_URL", "http://tgd:hunter2@broker"),
        ("TGD_MQTT_URL", "mqtt://tgd:hunter2@broker:hunter2"),
        ("TGD_SECRET_KEY", "hunter2"),
    ],
)
def test_an_error_quotes_no_secret(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} ") as caught:
        Config.load({name: value}, need=())
    assert "hunter2" not in str(caught.value)


def test_a_wrong_file_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "tgd.toml"
    for text, said in (("batch_mx = 1", "TGD_BATCH_MAX"), ("a = [1]", "TGD_A"), ("=", "read")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=said):
            Config.load({"TGD_CONFIG": str(path)}, need=())


def test_a_missed_heartbeat_is_counted_in_intervals_unless_seconds_are_given() -> None:
    assert Deadlines().heartbeat_after(900) == 2700
    assert Deadlines(heartbeat=10).heartbeat_after(900) == 10


@pytest.mark.parametrize(
    "url", ["https://addok.example.org", "https://addok.example.org/geo", "http://127.0.0.1:7878"]
)
def test_an_address_server_is_one_s_own(url: str) -> None:
    assert Config.load({"TGD_ADDOK_URL": url}, need=()).addok_url == url


def test_the_demo_s_pages_stand_on_this_machine_or_nowhere() -> None:
    assert Config.load(GIVEN).demo_pages is None
    pages = "http://127.0.0.1:8086/salle,http://127.0.0.1:8087/phones"
    assert Config.load({"TGD_DEMO_PAGES": pages}, need=()).demo_pages == tuple(pages.split(","))
    for wrong in ("http://demo.example.org:8087/phones", "http://127.0.0.1:8087/console", "", "1"):
        with pytest.raises(ConfigError, match=r"must be http://127\.0\.0\.1:PORT/phones or /salle"):
            Config.load({"TGD_DEMO_PAGES": wrong}, need=())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://addok.example.org", "must begin with https:// unless the server is on this"),
        ("https://api-adresse.data.gouv.fr", "must be a server of your own"),
        ("https://data.geopf.fr/geocodage", "must be a server of your own"),
        ("https://u:p@addok.example.org", "must have no user"),
        ("https://addok.example.org/?key=1", "must have no user, no ?"),
        ("ftp://addok.example.org", "must begin with https://"),
    ],
)
def test_a_position_is_told_to_nobody_else(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as failure:
        Config.load({"TGD_ADDOK_URL": url}, need=())
    assert "u:p" not in str(failure.value)
