"""The amqp line and a real RabbitMQ, with the rights and the settings of ``deploy/rabbitmq``."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest
import rabbit
from cisu_messages import MESSAGE
from cryptography import x509
from rabbit import BARE, OTHER_ROOM, PASSWORD, ROOM, SHUT, US, Rabbit

from tgd.clock import Clock
from tgd.errors import Invalid, Rejected, Temporary
from tgd.platform.channels import Tried, amqp_address, cisu
from tgd.platform.channels.certificates import Valid
from tgd.platform.channels.cisu_amqp import CisuAmqp, label, probe

GONE = "amqp://127.0.0.1:1/"


def body(number: int = 1, room: str = ROOM, *, hours: float = 1.0) -> bytes:
    now = datetime.now(UTC)
    return cisu.encode(
        cisu.envelope(
            replace(
                MESSAGE,
                distribution_id=f"{US}_{number}",
                sender_id=US,
                room=room,
                sent_at=now,
                expires_at=now + timedelta(hours=hours),
            )
        )
    )


@pytest.fixture
async def channel() -> AsyncIterator[CisuAmqp]:
    made = CisuAmqp(Clock())
    yield made
    await made.close()


@asynccontextmanager
async def inbox(
    server: Rabbit, vhost: str = "/", room: str = ROOM
) -> AsyncIterator[aio_pika.abc.AbstractQueue]:
    """The room's queue of cases, empty before and after."""
    connection = await server.connect(vhost=vhost)
    queue = await (await connection.channel()).get_queue(f"{room}.message")
    await queue.purge()
    try:
        yield queue
        await queue.purge()
    finally:
        await connection.close()


async def taken(queue: aio_pika.abc.AbstractQueue) -> aio_pika.abc.AbstractIncomingMessage:
    message = await queue.get(timeout=60)
    assert message is not None
    await message.ack()
    return message


@pytest.mark.parametrize("way", ["password", "certificate"])
async def test_the_same_bytes_lie_in_the_room_s_queue(
    rabbitmq: Rabbit, channel: CisuAmqp, way: str
) -> None:
    sent = body()
    async with inbox(rabbitmq) as queue:
        if way == "password":
            await channel.send(rabbitmq.url(), PASSWORD, sent, 10)
        else:
            await channel.send(rabbitmq.tls_url(), None, sent, 10)
        message = await taken(queue)
    assert message.body == sent
    assert message.message_id == f"{US}_1"
    assert message.user_id == US
    assert message.content_type == "application/json"
    assert message.delivery_mode is aio_pika.DeliveryMode.PERSISTENT
    assert 3500 < float(message.expiration or 0) <= 3600


async def test_without_an_exchange_the_queue_s_name_is_the_way(
    rabbitmq: Rabbit, channel: CisuAmqp
) -> None:
    async with inbox(rabbitmq, BARE) as queue:
        await channel.send(rabbitmq.url(BARE, None), PASSWORD, body(), 10)
        assert (await taken(queue)).user_id == US


@pytest.mark.parametrize(
    ("vhost", "exchange", "token", "room", "why"),
    [
        (SHUT, "cisu", PASSWORD, ROOM, "the broker gives us no right to it"),
        ("/", "amq.topic", PASSWORD, ROOM, "the broker gives us no right to it"),
        ("nowhere", None, PASSWORD, ROOM, "the broker does not let us into its virtual host"),
        (BARE, None, PASSWORD, "fr.police.nowhere", "no queue takes it"),
        ("/", "cisu", PASSWORD, "fr.police.nowhere", "no queue takes it"),
        ("/", "cisu", "wrong", ROOM, "the broker refuses our user, password or certificate"),
    ],
    ids=["no right", "another exchange", "no vhost", "no queue", "no binding", "wrong password"],
)
async def test_a_no_is_rejected_and_says_why(
    rabbitmq: Rabbit, channel: CisuAmqp, vhost: str, exchange: str, token: str, room: str, why: str
) -> None:
    for _ in range(2):
        with pytest.raises(Rejected, match=f"^{why}$"):
            await channel.send(rabbitmq.url(vhost, exchange), token, body(room=room), 10)


async def test_nobody_sends_in_another_s_name(rabbitmq: Rabbit, channel: CisuAmqp) -> None:
    address = amqp_address.read(rabbitmq.url())
    forged = aio_pika.Message(b"{}", user_id=OTHER_ROOM)
    connection = await rabbitmq.connect(US, port=address.port)
    exchange = await (await connection.channel()).get_exchange("cisu", ensure=False)
    with pytest.raises(aio_pika.exceptions.ChannelPreconditionFailed):
        await exchange.publish(forged, f"{ROOM}.message")
    await connection.close()


@pytest.mark.parametrize("name", ["forged", rabbit.STRANGER])
async def test_a_certificate_of_somebody_else_lets_nobody_in(
    rabbitmq: Rabbit, channel: CisuAmqp, name: str
) -> None:
    with pytest.raises((Temporary, Rejected)) as error:
        await channel.send(rabbitmq.tls_url(name), None, body(), 10)
    assert "no confirmation" not in str(error.value)


async def test_a_broker_of_another_authority_is_not_spoken_to(
    rabbitmq: Rabbit, channel: CisuAmqp
) -> None:
    url = rabbitmq.tls_url(ca=rabbitmq.folder / "other.pem")
    with pytest.raises(Temporary, match=r"^TLS: SSLCertVerificationError$") as error:
        await channel.send(url, None, body(), 10)
    assert error.value.delay_s == 60


async def test_a_probe_says_when_both_certificates_end(rabbitmq: Rabbit) -> None:
    valid = await probe(Tried(rabbitmq.tls_url(), None, ROOM, US, 10))
    ends = [
        x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc
        for pem in ((rabbitmq.folder / f"{name}.pem").read_bytes() for name in ("server", US))
    ]
    assert list(valid) == ends
    plain = await probe(Tried(rabbitmq.url(), PASSWORD, ROOM, US, 10))
    assert plain == Valid()


async def test_files_that_are_not_there_are_said(rabbitmq: Rabbit, channel: CisuAmqp) -> None:
    with pytest.raises(Temporary, match=r"^certificate .*: No such file or directory$"):
        await channel.send(rabbitmq.tls_url("nobody"), None, body(), 10)


async def test_a_closed_port_is_temporary(channel: CisuAmqp) -> None:
    with pytest.raises(Temporary, match=r"^connection: "):
        await channel.send(GONE, PASSWORD, body(), 10)


async def test_a_broker_that_says_nothing_costs_its_time_out(channel: CisuAmqp) -> None:
    closing = asyncio.Event()

    async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await closing.wait()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Temporary, match=r"^no confirmation within 0\.3 s$"):
            await channel.send(f"amqp://127.0.0.1:{port}/", PASSWORD, body(), 0.3)
        closing.set()


async def test_a_full_queue_is_temporary(rabbitmq: Rabbit, channel: CisuAmqp) -> None:
    connection = await rabbitmq.connect(vhost=BARE)
    made = await connection.channel()
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = await made.declare_queue("fr.police.full.message", durable=True, arguments=full)
    url, room = rabbitmq.url(BARE, None), "fr.police.full"
    await channel.send(url, PASSWORD, body(1, room), 10)
    with pytest.raises(Temporary, match=r"^the queue refuses it \(full\?\)$"):
        await channel.send(url, PASSWORD, body(2, room), 10)
    await queue.purge()
    await channel.send(url, PASSWORD, body(2, room), 10)
    await queue.delete(if_empty=False)
    await connection.close()


async def test_one_room_s_mistake_is_not_another_s(rabbitmq: Rabbit, channel: CisuAmqp) -> None:
    """RabbitMQ answers a mistake by closing the channel: what else goes on that line is lost."""
    url = rabbitmq.url()
    async with inbox(rabbitmq) as queue:
        done = await asyncio.gather(
            *(channel.send(url, PASSWORD, body(n), 20) for n in range(50)),
            *(channel.send(url, PASSWORD, body(n, "fr.pompiers.sdis86"), 20) for n in range(50)),
            return_exceptions=True,
        )
        assert done[:50] == [None] * 50
        assert all(isinstance(one, Rejected) for one in done[50:])
        arrived = {(await taken(queue)).message_id for _ in range(50)}
    assert arrived == {f"{US}_{n}" for n in range(50)}


async def test_a_broker_in_need_is_temporary_and_then_well_again(
    rabbitmq: Rabbit, channel: CisuAmqp
) -> None:
    url = rabbitmq.url()
    async with inbox(rabbitmq) as queue:
        await channel.send(url, PASSWORD, body(1), 10)
        rabbitmq.alarm(raised=True)
        try:
            with pytest.raises(Temporary, match=r"^no confirmation within 0\.5 s$"):
                await channel.send(url, PASSWORD, body(2), 0.5)
        finally:
            rabbitmq.alarm(raised=False)
        await channel.send(url, PASSWORD, body(2), 10)
        assert (await taken(queue)).message_id == f"{US}_1"
        assert (await taken(queue)).message_id == f"{US}_2"


async def test_what_has_expired_meanwhile_is_still_seen(
    rabbitmq: Rabbit, channel: CisuAmqp
) -> None:
    async with inbox(rabbitmq) as queue:
        await channel.send(rabbitmq.url(), PASSWORD, body(hours=-1), 10)
        assert float((await taken(queue)).expiration or 0) == 10


async def test_a_closed_channel_opens_again(rabbitmq: Rabbit, channel: CisuAmqp) -> None:
    async with inbox(rabbitmq):
        await channel.send(rabbitmq.url(), PASSWORD, body(), 10)
        await channel.close()
        await channel.send(rabbitmq.url(), PASSWORD, body(), 10)


async def test_a_broker_that_is_not_there_leaves_nothing_for_the_collector_to_begin(
    channel: CisuAmqp,
) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            with pytest.raises(Temporary):
                await channel.send(GONE, PASSWORD, body(), 5)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            await asyncio.to_thread(gc.collect)  # paho's thread is one that it may run in
    finally:
        gc.enable()
    assert [str(one.message) for one in said] == []


@pytest.mark.parametrize(
    "sent", [b"", b"{}", b"<alert/>", b"[]", body(room="fr.police.cic86")[:99]]
)
async def test_what_is_no_envelope_is_refused_before_anybody_is_called(
    channel: CisuAmqp, sent: bytes
) -> None:
    with pytest.raises(Invalid):
        await channel.send(GONE, PASSWORD, sent, 5)


@pytest.mark.parametrize(
    ("kind", "queue"),
    [("Report", "message"), ("Update", "message"), ("Ack", "ack"), ("Error", "info")],
)
def test_the_kind_of_an_envelope_says_its_queue(kind: str, queue: str) -> None:
    told = label(
        body().replace(b'"distributionKind":"Report"', f'"distributionKind":"{kind}"'.encode())
    )
    assert told.queue == f"{ROOM}.{queue}"
