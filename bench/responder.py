"""The floor of a load: each press is answered at once, and nothing is stored.

Speaks MQTT by the server's own client and writes the same three messages to the phone that the
server does for a press that opens an alert: receipt, state, and the command to say where it is.
``python -m bench.responder mqtt://host:port``; says "listening" when it does.
"""

import sys
from datetime import UTC, datetime
from typing import NoReturn

import msgspec
import uvloop

from tgd.devices import live, wire
from tgd.devices.mqtt import Arrived, MqttLink, State

ALERT = "00000000-0000-4000-8000-000000000000"


async def respond(url: str) -> NoReturn:
    """Answer every press, for ever."""

    def came(batch: list[Arrived]) -> None:
        now = datetime.now(UTC)
        for message in batch:
            press_id = msgspec.json.decode(message.payload)["id"]
            down = message.topic.replace("/up/press", "/down")
            link.publish(
                down, wire.receipt(press_id, code="ok", alert=ALERT, at=now, listen="mic_only")
            )
            link.publish(down, wire.state(ALERT, state="received", n=1, at=now))
            asked = live.report_location(ALERT, now, now + live.LIVE_FOR)
            link.publish(down, msgspec.json.encode(asked))
            link.ack(message.token)
        link.flush()

    def state(now: State) -> None:
        if now is State.LISTENING:
            print("listening", flush=True)

    topics = [("tgd/v1/+/up/press", 1)]
    link = MqttLink("responder", [url], topics, came, on_state=state, keep_session=False)
    await link.run()


if __name__ == "__main__":
    uvloop.run(respond(sys.argv[1]))
