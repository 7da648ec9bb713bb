"""Sealing from the command line: keys in the same key store that the server uses.

Serves commands that store what may have to be erased one day (``places import``). A press without a
slot is sealed all the same; a command is not: it says what is wrong and changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tgd.config import Config
from tgd.errors import TgdError
from tgd.keys import KeyStore
from tgd.seal import Sealer
from tgd.store.db import Connection, identity


class NoKeyStore(TgdError):
    """The key store cannot be used; the message is one line and says what to do."""


@asynccontextmanager
async def sealing(config: Config, connection: Connection) -> AsyncIterator[Sealer]:
    """Lend a sealer for the length of the block; raises ``NoKeyStore`` where it would not seal."""
    if config.key_dir is None:
        raise NoKeyStore("no key store: set TGD_KEY_DIR to the directory that the server uses")
    store = KeyStore(config.key_dir)
    await asyncio.to_thread(store.open, await identity(connection))
    try:
        if not store.ready:
            raise NoKeyStore(
                f"{config.key_dir} cannot be written: run this as the server's user, with its"
                " TGD_KEY_DIR"
            )
        yield Sealer(config.secret_key, store)
    finally:
        await asyncio.to_thread(store.close)
