"""Who may not know of whom: the rule by itself."""

from uuid import uuid4

import pytest

from tgd import conflict
from tgd.conflict import KINDS, NOBODY, Lock, Locks, Reader

HER, OTHER = uuid4(), uuid4()


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_is_locked_by_each_of_what_he_is(kind: str) -> None:
    lock = Lock(kind, " Poste-1 ")
    assert conflict.locked([lock], Reader(**{kind: "poste-1"}))
    assert not conflict.locked([lock], Reader(**{kind: "poste-2"}))
    assert not conflict.locked([lock], Reader())  # nothing is known of him
    others = {other: "poste-1" for other in KINDS if other != kind}
    assert not conflict.locked([lock], Reader(**others))


def test_an_unknown_kind_locks_nobody() -> None:
    assert not conflict.locked([Lock("name", "x")], Reader(account="x"))


def test_without_locks_nobody_is_hidden() -> None:
    locks = Locks({})
    assert locks.hidden_from("operateur-1", "operator") is NOBODY
    assert locks.of(HER) == frozenset() == locks.of(None)


def test_persons_are_hidden_from_whom_their_locks_name() -> None:
    locks = Locks(
        {
            HER: frozenset({Lock("account", "Operateur-1"), Lock("site", "Poitiers")}),
            OTHER: frozenset({Lock("role", "supervisor")}),
        },
        {"operateur-2": "POITIERS", "operateur-3": "Niort"},
    )
    assert locks.hidden_from("operateur-1", "operator") == {HER}
    assert locks.hidden_from("operateur-2", "operator") == {HER}
    assert locks.hidden_from("operateur-2", "supervisor") == {HER, OTHER}
    assert locks.hidden_from("operateur-3", "operator") == NOBODY
    assert set(locks.persons) == {HER, OTHER}


def test_two_readings_that_lock_the_same_are_the_same() -> None:
    one, more = frozenset({Lock("account", "a")}), frozenset({Lock("account", "b")})
    assert Locks({HER: one}).same(Locks({HER: one}))
    assert not Locks({HER: one}).same(Locks({HER: more}))
    assert not Locks({HER: one}).same(Locks({HER: one}, {"a": "Niort"}))
