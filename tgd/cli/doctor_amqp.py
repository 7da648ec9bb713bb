"""The doctor's look at a line by RabbitMQ: are we let in, and is everything there that it needs?

Serves arrow 3. It logs in as a dispatch would, and asks for the room's queue of cases and for our
own three, in which the room answers. Nothing is sent, and nothing is taken out of a queue. That we
may publish there is not known before something is published: an exercise shows it.
"""

from tgd.cli.findings import FAILED, OK, Finding
from tgd.errors import Invalid, Rejected, Temporary
from tgd.platform.channels import amqp_address
from tgd.platform.channels.certificates import Valid
from tgd.platform.channels.cisu_amqp import check, quiet
from tgd.seal import Sealer
from tgd.store import rooms

ANSWER_S = 5.0


async def examine_amqp(
    what: str, line: rooms.LineRow, sealer: Sealer | None, sender: str
) -> Finding:
    """Return what was found of one line, whose token has been seen to open."""
    try:
        broker = amqp_address.read(line.url or "")
    except Invalid as error:
        return Finding(FAILED, what, f"its address cannot be used: {error.detail}")
    where = f"{broker.host}:{broker.port}"
    token: str | None = None
    if line.token is not None:
        if sealer is None:
            return Finding(FAILED, what, "its token cannot be opened without TGD_SECRET_KEY")
        purpose = rooms.token_purpose(line.room_id, line.line)
        token = sealer.open(line.token, purpose).decode()
    quiet()
    try:
        valid = await check(line.url or "", token, sender, line.address, ANSWER_S)
    except (Temporary, Rejected) as error:
        return Finding(FAILED, what, f"{where}: {error}")
    ends = until(valid)
    return Finding(OK, what, f"{where} lets us in; the room's queue and ours are there{ends}")


def until(valid: Valid) -> str:
    """Say when the certificates of a line end, where there are any."""
    said = {"its certificate": valid.theirs, "ours": valid.ours}
    ends = [f"{whose} ends on {at:%Y-%m-%d}" for whose, at in said.items() if at is not None]
    return f"; {', '.join(ends)}" if ends else ""
