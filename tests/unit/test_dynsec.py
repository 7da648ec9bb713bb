"""What a broker's rights should be and what mends them: the pure part."""

from typing import Any

import pytest

from tgd.devices import dynsec
from tgd.devices.dynsec import Found, Wanted

OWN = {"username": "control", "roles": [{"rolename": "tgd-control"}]}
ROLE = {"rolename": "tgd-control", "acls": []}


def phone(**more: Any) -> Wanted:
    return dynsec.phone("p1", "s1", "secret", enabled=more.get("enabled", True))


def says(*wanted: Wanted, **more: Any) -> Found:
    """A broker that says just this."""
    clients = {"control": OWN}
    roles = {"tgd-control": ROLE}
    for one in wanted:
        clients[one.name] = {
            "username": one.name,
            "clientid": one.client_id,
            "textdescription": one.serial,
            "roles": [{"rolename": one.role}],
            "groups": [],
            **more,
        }
        acls = [{"acltype": kind, "topic": topic, "allow": True} for kind, topic in one.acls]
        roles[one.role] = {"rolename": one.role, "acls": acls}
    return Found(clients, roles, (), dict(dynsec.DEFAULTS))


def kinds(found: Found, *wanted: Wanted, keep: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in dynsec.mend(found, wanted, "control", keep)]


def test_a_phone_has_its_four_topics_and_its_down() -> None:
    ups = {f"tgd/v1/p1/up/{kind}" for kind in ("press", "position", "heartbeat", "lwt")}
    acls = phone().acls
    assert {topic for kind, topic in acls if kind == "publishClientSend"} == ups
    assert {topic for kind, topic in acls if kind != "publishClientSend"} == {"tgd/v1/p1/down"}


def test_the_server_publishes_nothing_under_up() -> None:
    acls = dynsec.server("s", "p", "1").acls
    assert {t for kind, t in acls if kind == "publishClientSend"} == {"tgd/v1/+/down"}
    assert not any("down" in t for kind, t in acls if kind != "publishClientSend")


def test_what_is_as_it_should_be_is_left_alone() -> None:
    one, ours = phone(), dynsec.server("s", "p", "1")
    assert kinds(says(one, ours), one, ours) == []


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"clientid": "other"}, "rights"),
        ({"roles": []}, "rights"),
        ({"groups": [{"groupname": "g"}]}, "rights"),
        ({"disabled": True}, "disabled"),
        ({"textdescription": "older"}, "password"),
    ],
)
def test_what_differs_is_mended(more: dict[str, Any], kind: str) -> None:
    assert kinds(says(phone(), **more), phone()) == [(kind, "p1")]


def test_who_is_not_there_is_made_role_first() -> None:
    made = dynsec.mend(says(), [phone()], "control")
    assert [order["command"] for one in made for order in one.orders] == [
        "createRole",
        "createClient",
    ]


def test_who_is_too_many_goes_but_for_the_control_and_whom_we_cannot_read() -> None:
    assert kinds(says(phone())) == [("extra", "p1"), ("extra", "phone-p1")]
    assert kinds(says(phone()), keep=("p1",)) == []


def test_who_is_muted_is_disabled_and_not_made_anew() -> None:
    muted = phone(enabled=False)
    assert kinds(says(phone()), muted) == [("disabled", "p1")]
    assert kinds(says(phone(), disabled=True), muted) == []
    assert kinds(says(), muted) == []


def test_no_password_is_in_a_representation() -> None:
    assert "secret" not in repr(phone())
    assert "secret" not in repr(dynsec.mend(says(), [phone()], "control"))
