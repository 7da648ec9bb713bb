"""Where an amqp line leads: what a rooms file says, kept as one URL, and read again."""

import pytest

from tgd.errors import Invalid
from tgd.platform.channels.amqp_address import Broker, Settings, kept, read

FILES = Settings("cisu", "/etc/tgd/ca.pem", "/etc/tgd/us.pem", "/etc/tgd/us.key")


def test_what_is_kept_is_read_again() -> None:
    url = kept("amqps://mq.example/hub", FILES)
    assert read(url) == Broker("mq.example", 5671, "hub", tls=True, settings=FILES)
    assert read(kept("amqps://mq.example:1234", FILES)).place == ("mq.example", 1234, "/")
    assert read(kept("amqp://[::1]/", Settings())) == Broker(
        "::1", 5672, "/", tls=False, settings=Settings()
    )
    assert read(kept("amqps://mq.example/a%2Fb", Settings())).vhost == "a/b"
    odd = Settings(ca="/etc/été & co/ca+1?.pem")
    assert read(kept("amqps://mq.example/", odd)).settings == odd


@pytest.mark.parametrize(
    ("url", "settings", "field"),
    [
        ("amqp://mq.example/", Settings(), "url"),
        ("amqps://user:password@mq.example/", Settings(), "url"),
        ("amqps://mq.example/?ca=/etc/passwd", Settings(), "url"),
        ("amqps://mq.example/#top", Settings(), "url"),
        ("https://mq.example/", Settings(), "url"),
        ("amqps:///", Settings(), "url"),
        ("amqps://mq.example:99999/", Settings(), "url"),
        ("amqps://[::1", Settings(), "url"),
        ("", Settings(), "url"),
        (f"amqps://mq.example/{'v' * 128}", Settings(), "url"),
        ("amqp://127.0.0.1/", Settings(ca="/ca.pem"), "ca"),
        ("amqp://127.0.0.1/", Settings(certificate="/us.pem"), "certificate"),
        ("amqps://mq.example/", Settings(key="/us.key"), "key"),
        ("amqps://mq.example/", Settings(certificate="us.pem"), "certificate"),
        ("amqps://mq.example/", Settings(exchange="x" * 128), "exchange"),
    ],
)
def test_what_cannot_be_used_is_refused_and_named(url: str, settings: Settings, field: str) -> None:
    with pytest.raises(Invalid) as error:
        kept(url, settings)
    assert error.value.field == field


@pytest.mark.parametrize("url", ["amqps://mq.example/?name=x", "amqp://mq.example/", "[", ""])
def test_another_s_url_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        read(url)
