"""Where an https line leads: what a rooms file says, kept as one URL, and read again."""

import pytest
from yarl import URL

from tgd.errors import Invalid
from tgd.platform.channels.certificates import Files
from tgd.platform.channels.https_address import kept, read

FILES = Files("/etc/tgd/salle-ca.pem", "/etc/tgd/us.pem", "/etc/tgd/us.key")
ROOM = "https://salle.example/cisu?a=1"


def test_what_is_kept_is_read_again() -> None:
    assert read(kept(ROOM, FILES)) == (URL(ROOM), FILES)
    assert kept(ROOM, Files(ca="/ca.pem")) == f"{ROOM}#ca=/ca.pem"
    odd = Files(ca="/etc/été & co/ca+1?#.pem")
    assert read(kept(ROOM, odd)) == (URL(ROOM), odd)


def test_a_line_without_files_is_kept_as_it_is_written() -> None:
    for url in (ROOM, "http://127.0.0.1:9000/cisu", "https://[::1]/a%2Fb?c=%20"):
        assert kept(url, Files()) == url
        assert read(url).files == Files()


@pytest.mark.parametrize(
    ("url", "files", "field"),
    [
        ("http://salle.example/", Files(), "url"),
        ("https://user:password@salle.example/", Files(), "url"),
        ("https://salle.example/#ca=/etc/passwd", Files(), "url"),
        ("http://127.0.0.1/", Files(ca="/ca.pem"), "ca"),
        ("http://127.0.0.1/", Files(certificate="/us.pem"), "certificate"),
        (ROOM, Files(key="/us.key"), "key"),
        (ROOM, Files(ca="ca.pem"), "ca"),
    ],
)
def test_what_cannot_be_used_is_refused_and_named(url: str, files: Files, field: str) -> None:
    with pytest.raises(Invalid) as error:
        kept(url, files)
    assert error.value.field == field


def test_another_s_fragment_is_refused() -> None:
    with pytest.raises(Invalid):
        read("https://salle.example/#exchange=x")
