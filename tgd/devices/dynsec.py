"""What a broker's rights should be, what they are, and the orders that make them so: pure.

Serves arrow 1's first metre. The rights of PROTOCOL §2: a phone publishes on its own four topics
and reads its own ``down``; the server reads every ``up/`` and writes every ``down``; nobody else
does anything. In the words of Mosquitto's dynamic security plugin (2.0): one role for each phone,
as ``%u`` means nothing there before 2.1. A client's description has the serial of its credential:
passwords cannot be read back, so this is how an old one is known. A client may come only under its
own client id: under another's it would push that phone off the line.

Whatever else is found at the broker is drift and goes, but for the control's own client and roles.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

ABSENT, EXTRA, RIGHTS, PASSWORD, DISABLED = "missing", "extra", "rights", "password", "disabled"
KINDS: Final = (ABSENT, EXTRA, RIGHTS, PASSWORD, DISABLED)
"""In which ways a broker differs from the register."""

Acl = tuple[str, str]
Order = dict[str, Any]
_UP: Final = ("press", "position", "heartbeat", "lwt")
DEFAULTS: Final = {
    "publishClientSend": False,
    "publishClientReceive": False,
    "subscribe": False,
    "unsubscribe": True,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One client as it should be; its role has its name and is held by nobody else.

    ``enabled`` False: it may be there, but not come in. ``client_id`` "" leaves that open.
    """

    name: str
    role: str
    acls: frozenset[Acl]
    serial: str
    password: str = field(repr=False)
    client_id: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Mending:
    """One difference: its kind, whom it concerns, and the orders that mend it."""

    kind: str
    name: str
    orders: tuple[Order, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What a broker says of itself: clients and roles as it lists them, and its defaults."""

    clients: Mapping[str, Mapping[str, Any]]
    roles: Mapping[str, Mapping[str, Any]]
    groups: Sequence[str]
    defaults: Mapping[str, bool]


def phone(device: str, serial: str, password: str | None, *, enabled: bool) -> Wanted:
    """Return a phone's client."""
    down = f"tgd/v1/{device}/down"
    acls = {("publishClientSend", f"tgd/v1/{device}/up/{kind}") for kind in _UP}
    acls |= {("subscribeLiteral", down), ("publishClientReceive", down)}
    return Wanted(device, role_of(device), frozenset(acls), serial, password or "", device, enabled)


def role_of(device: str) -> str:
    """Return the name of a phone's role."""
    return f"phone-{device}"


def server(name: str, password: str, serial: str) -> Wanted:
    """Return the server's client: it says nothing under ``up/`` and reads no ``down``.

    Several servers may share a subscription; the plugin wants that name to the letter.
    """
    acls = {("subscribePattern", "tgd/v1/+/up/#"), ("publishClientReceive", "tgd/v1/+/up/#")}
    acls |= {("subscribeLiteral", f"$share/tgd/tgd/v1/+/up/{kind}") for kind in _UP}
    acls |= {("publishClientSend", "tgd/v1/+/down")}
    return Wanted(name, "tgd-server", frozenset(acls), serial, password)


def mend(
    found: Found, wanted: Iterable[Wanted], own: str, keep: Collection[str] = ()
) -> list[Mending]:
    """Return what differs.

    ``own`` is the control's client, which is left as it is; ``keep`` names phones that are in the
    register and whose password cannot be read here: whatever the broker says of them stays.
    """
    by_name = {one.name: one for one in wanted}
    mendings = list(_defaults(found))
    for one in by_name.values():
        mendings += _client(found, one)
    kept_roles = {one.role for one in by_name.values() if _here(found, one)}
    kept_roles |= set(_roles_of(found.clients.get(own, {})))
    kept_roles |= {role_of(device) for device in keep}
    mendings += [
        Mending(EXTRA, name, ({"command": "deleteClient", "username": name},))
        for name in found.clients
        if name != own and name not in by_name and name not in keep
    ]
    mendings += [
        Mending(EXTRA, name, ({"command": "deleteRole", "rolename": name},))
        for name in found.roles
        if name not in kept_roles
    ]
    return mendings + [
        Mending(EXTRA, name, ({"command": "deleteGroup", "groupname": name},))
        for name in found.groups
    ]


def _here(found: Found, one: Wanted) -> bool:
    return one.enabled or one.name in found.clients


def _defaults(found: Found) -> Iterable[Mending]:
    if dict(found.defaults) != DEFAULTS:
        acls = [{"acltype": kind, "allow": allow} for kind, allow in DEFAULTS.items()]
        yield Mending(RIGHTS, "*", ({"command": "setDefaultACLAccess", "acls": acls},))


def _client(found: Found, one: Wanted) -> list[Mending]:
    there = found.clients.get(one.name)
    if not one.enabled:
        if there is None or there.get("disabled"):
            return []
        return [Mending(DISABLED, one.name, (_named("disableClient", one),))]
    mendings = _role(found, one)
    if there is None:
        return [*mendings, Mending(ABSENT, one.name, (_created(one),))]
    if there.get("textdescription") != one.serial:
        # First the password, which also ends the connection made with the former one.
        changed = {**_named("setClientPassword", one), "password": one.password}
        mendings.append(Mending(PASSWORD, one.name, (changed, _modified(one))))
    elif not _as_wanted(there, one):
        mendings.append(Mending(RIGHTS, one.name, (_modified(one),)))
    if there.get("disabled"):
        mendings.append(Mending(DISABLED, one.name, (_named("enableClient", one),)))
    return mendings


def _role(found: Found, one: Wanted) -> list[Mending]:
    there = found.roles.get(one.role)
    said = {"rolename": one.role, "acls": [_acl(acl) for acl in sorted(one.acls)]}
    if there is None:
        return [Mending(ABSENT, one.role, ({"command": "createRole", **said},))]
    has = {(acl["acltype"], acl["topic"]) for acl in there.get("acls", ()) if acl.get("allow")}
    refused = [acl for acl in there.get("acls", ()) if not acl.get("allow")]
    if has == one.acls and not refused:
        return []
    return [Mending(RIGHTS, one.role, ({"command": "modifyRole", **said},))]


def _as_wanted(there: Mapping[str, Any], one: Wanted) -> bool:
    return (
        _roles_of(there) == [one.role]
        and not there.get("groups")
        and there.get("clientid", "") == one.client_id
    )


def _roles_of(client: Mapping[str, Any]) -> list[str]:
    return [role["rolename"] for role in client.get("roles", ())]


def _named(command: str, one: Wanted) -> Order:
    return {"command": command, "username": one.name}


def _created(one: Wanted) -> Order:
    return {**_modified(one), "command": "createClient", "password": one.password}


def _modified(one: Wanted) -> Order:
    return {
        **_named("modifyClient", one),
        "clientid": one.client_id,
        "textdescription": one.serial,
        "roles": [{"rolename": one.role, "priority": 0}],
        "groups": [],
    }


def _acl(acl: Acl) -> dict[str, Any]:
    return {"acltype": acl[0], "topic": acl[1], "priority": 0, "allow": True}
