"""The benchmark's report says what was measured: the right percentile over the right percentile."""

import asyncio
import json
import math
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from tgd.devices import wire
from tgd.geo.locate import metres
from tgd.geo.position import Fix

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the benchmark is run from a checkout, not installed

from bench import dispatches, report  # noqa: E402  found by the line above
from bench.blocks import Interval, not_slower, ratio  # noqa: E402  the same
from bench.commits import difference, statements  # noqa: E402  the same
from bench.dead_ends import DeadEnds, dead_ends  # noqa: E402  the same
from bench.figures import Comparison, Figure, Spread, Step, Target, percentile  # noqa: E402  same
from bench.fixes import Walker  # noqa: E402  the same
from bench.generator import Generator, Plan  # noqa: E402  the same
from bench.live_trail import Rows, Trail  # noqa: E402  the same

MACHINE = {"processor": "an invented one", "load before": "0.00 (quiet)"}


def step(offered: float, rate: float, **more) -> Step:
    latency = Spread(100, 0.002, 0.02, 0.05)
    known = {"sent": 100, "receipted": 100, "stored": 100, "doubled": 0, "lost": 0}
    return Step(
        offered=offered,
        rate=rate,
        latency=latency,
        late_generator=0.001,
        generator_cpu=5e-5,
        **known | more,
    )


def figures() -> list[Figure]:
    ours = [0.001 * k for k in range(1, 101)]
    floor = [0.0005 * k for k in range(1, 101)]
    compared = Comparison("ours <fast>", ours, floor, "a floor & more", {"also": floor})
    one = Figure("one", "One thing", "How it was done.", comparisons=[compared])
    one.targets = [
        Target("median over its floor's", compared.ratio.median, 2.0, "×"),
        Target("p99 over its floor's", compared.ratio.p99, 1.5, "×"),
        Target("rate", 4000, 5000, "/s", at_least=True),
    ]
    loads = Figure("load", "Loads", "Offered.", series={"a": [step(1000, 999), step(2000, 1500)]})
    loads.facts, loads.notes = [("rows", "3 of a kind")], ["a note"]
    return [one, loads]


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=300), st.floats(0.01, 1))
def test_percentile_is_a_sample_that_so_many_do_not_exceed(samples, part):
    ordered = sorted(samples)
    found = percentile(ordered, part)
    assert found in ordered
    assert sum(one <= found for one in ordered) >= part * len(ordered) - 1e-9
    assert sum(one < found for one in ordered) < part * len(ordered) + 1e-9


def test_spread_of_one_sample_and_of_none():
    assert Spread.of([3.0]) == Spread(1, 3.0, 3.0, 3.0)
    with pytest.raises(ValueError, match="no samples"):
        Spread.of([])


def test_ratio_compares_percentile_with_percentile():
    found = Spread(10, 2.0, 9.0, 40.0).ratio(Spread(20, 1.0, 3.0, 80.0))
    assert found == Spread(10, 2.0, 3.0, 0.5)


def test_targets_are_met_at_their_limit_and_by_their_direction():
    assert Target("x", 1.5, 1.5).met
    assert not Target("x", math.nextafter(1.5, 2), 1.5).met
    assert Target("x", 5000, 5000, at_least=True).met
    assert not Target("x", 4999, 5000, at_least=True).met


def test_json_holds_every_sample_and_the_same_ratios(tmp_path):
    report.write(tmp_path, MACHINE, figures())
    told = json.loads((tmp_path / "bench.json").read_text())
    compared = told["figures"][0]["comparisons"][0]
    assert told["machine"] == MACHINE
    assert len(compared["samples"]["ours"]) == compared["ours"]["n"] == 100
    assert compared["ours"]["p99"] == pytest.approx(0.099)
    assert compared["ratio"]["p99"] == pytest.approx(2.0)
    assert [one["met"] for one in told["figures"][0]["targets"]] == [True, False, False]
    assert told["figures"][1]["series"]["a"][1]["latency"]["worst"] == 0.05


def test_markdown_shows_asked_and_measured_and_what_was_missed():
    text = report.markdown(MACHINE, figures())
    assert "| One thing | median over its floor's | at most 2 × | 2.00 × | met |" in text
    assert "| One thing | rate | at least 5000 /s | 4000 /s | missed |" in text
    assert "| ours <fast> | 100 | 50.00 | 99.00 | 100.00 |" in text
    assert "| ratio |  | 2.00 | 2.00 | 2.00 |" in text
    assert (
        "| 2000/s offered | 100 of 100 | 1500 | 2.00 | 20.00 | 50.00 | 100 | 0 | 1.00 | 50 |"
        in text
    )
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|"), line


def test_page_is_whole_html_with_its_plots_inside():
    class Open(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open: list[str] = []
            self.seen: list[str] = []

        def handle_starttag(self, tag, attributes):
            self.seen.append(tag)
            if tag not in {"meta", "br"}:
                self.open.append(tag)

        def handle_startendtag(self, tag, attributes):
            self.seen.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    parser = Open()
    text = report.page(MACHINE, figures())
    parser.feed(text)
    assert parser.open == []
    assert parser.seen.count("svg") == 2
    assert "<h2>One thing</h2>" in text
    assert "ours &lt;fast&gt;" in text
    assert 'class="missed"' in text
    assert not {"script", "link", "img", "iframe"} & set(parser.seen), "it loads from elsewhere"


def test_floors_are_named_statements_and_counted_by_difference():
    assert list(statements()) == ["press", "row", "decide", "claim", "grant"]
    assert difference({"a": 1, "b": 2, "c": 0}, {"a": 4, "b": 2, "c": 1}) == {"a": 3, "c": 1}


def down(mid: int, press_id: str) -> bytes:
    """A receipt and a state, as the broker delivers them at QoS 1."""
    topic, packets = b"tgd/v1/phone-1/down", b""
    receipt = f'{{"_type":"receipt","id":"{press_id}","code":"ok","alert":null}}'.encode()
    for payload in (receipt, b'{"_type":"state","state":"received"}'):
        body = len(topic).to_bytes(2, "big") + topic + mid.to_bytes(2, "big") + payload
        size = bytes((len(body),)) if len(body) < 128 else bytes((len(body) & 127 | 128, 1))
        packets += b"\x32" + size + body
    return packets


def test_generator_reads_receipts_whatever_the_pieces():
    plan = Plan("127.0.0.1", 1, "test", 1, [("phone-1", 0.0), ("phone-1", 0.1)])
    for cut in range(1, 40):
        generator = Generator(plan)
        stream = b"".join(down(mid, press_id) for mid, press_id in enumerate(generator.ids, 1))
        acks, rest = b"", b""
        for first in range(0, len(stream), cut):
            more, rest = generator.read(rest + stream[first : first + cut], {}, at=0.5)
            acks += more
        assert rest == b""
        assert acks == b"\x40\x02\x00\x01" * 2 + b"\x40\x02\x00\x02" * 2
        assert [one.receipted for one in generator.outcomes()] == [0.5, 0.5]
        assert [one.code for one in generator.outcomes()] == ["ok", "ok"]


ROUNDS = st.lists(st.lists(st.floats(0.001, 1), min_size=5, max_size=20), min_size=2, max_size=8)


@settings(deadline=None, max_examples=10)
@given(ROUNDS, st.sampled_from([0.5, 0.99]))
def test_a_way_of_working_is_not_measurably_slower_than_itself(rounds, part):
    found = ratio(rounds, rounds, part, 50)
    assert found == Interval(1.0, 1.0, 1.0)
    assert not_slower("x", found).met
    twice = ratio([[2 * one for one in times] for times in rounds], rounds, part, 50)
    assert (twice.value, twice.low, twice.high) == pytest.approx((2.0, 2.0, 2.0))
    assert not not_slower("x", twice).met


def test_interval_comes_from_rounds_not_from_samples():
    quiet, busy = [1.0] * 50, [1.5] * 50
    found = ratio([quiet, quiet, busy, quiet], [quiet] * 4, 0.99)
    assert found.value == 1.5
    assert found.low == 1.0, "one busy round of four may be chance"


@pytest.mark.parametrize(
    ("low", "high", "met"),
    [(0.99, 1.2, True), (1.01, 1.2, False), (1.01, 1.05, True), (1.01, 1.06, False)],
)
def test_not_slower_is_judged_by_the_end_that_decides(low, high, met):
    assert not_slower("x", Interval(1.03, low, high)).met is met


def test_a_fix_is_followed_to_the_database_the_console_and_the_room():
    sent = [["still", 8.0], ["car", 10.0], ["still", 10.5], ["car", 15.0]]
    arrivals = [
        {"distribution_id": "tgd_early", "wall": 9.9},
        {"distribution_id": "tgd_one", "wall": 10.4},
        {"distribution_id": "tgd_two", "wall": 15.6},
    ]
    trail = Trail(
        sent, [10.1, 10.25, 10.8, 15.3], [[10.25, 10.3], [10.9, 11.0], [16, 17]], arrivals
    )
    rows = Rows(
        {"still": [(8.01, 8.1), (10.51, 10.6)], "car": [(10.01, 10.2), (15.01, 15.2)]},
        {"early": ("car", 9.8), "one": ("car", 10.21), "two": ("car", 15.21)},
    )
    seen = trail.seen(rows, since=9.0)
    assert seen.sent == 4
    assert seen.kept == pytest.approx([0.1, 0.2, 0.2])
    assert seen.hinted == pytest.approx([0.3, 0.25, 0.3])
    assert seen.read == pytest.approx([0.5, 0.3, 2.0])
    assert seen.at_room == pytest.approx([0.4, 0.6])
    rows.positions["car"].pop()
    with pytest.raises(AssertionError, match="2 fixes sent, 1 kept"):
        trail.seen(rows, since=9.0)


def test_a_driver_s_fix_is_one_that_the_server_reads():
    walker = Walker("phone-1", 46.58, 0.34, 36.0, since=1_700_000_000.0)
    came = datetime.fromtimestamp(1_700_000_060.0, UTC)
    told = wire.position("phone-1", walker.fix(1_700_000_060.0), came)
    assert told.doubts == ()
    assert metres(told.fix, Fix(46.58, 0.34)) == pytest.approx(600, rel=0.01)
    assert (told.fix.acc, told.fix.vel, told.fix.tst) == (12.5, 36.0, 1_700_000_060.0)


def test_a_hundred_rooms_have_ground_of_their_own_and_thirty_are_dead_in_equal_parts():
    away = dispatches.dead_rooms(DeadEnds("refusing", "hanging", "resetting"))
    assert Counter(away.values()) == {"refusing": 10, "hanging": 10, "resetting": 10}
    assert set(away) < set(range(dispatches.ROOMS))
    middles = {dispatches.point(room) for room in range(dispatches.ROOMS)}
    assert len(middles) == dispatches.ROOMS
    assert dispatches.LIVING == 700


async def test_nobody_answers_at_a_dead_end():
    async with dead_ends() as dead:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", URL(dead.refusing).port)
        said = b""
        with suppress(ConnectionResetError):  # told so at once, or at the first reading
            reader, _writer = await asyncio.open_connection("127.0.0.1", URL(dead.resetting).port)
            said = await reader.read()
        assert said == b""
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(dead.hanging).port)
        writer.write(b"POST /cisu HTTP/1.1\r\n\r\n")
        await writer.drain()
    with suppress(ConnectionResetError):  # it ends with the block, and not before
        said = await reader.read()
    assert said == b""
    writer.close()


def test_help_names_every_figure():
    said = subprocess.run(
        [sys.executable, "-m", "bench", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "200", "NO_COLOR": "1", "PATH": ""},
    ).stdout
    for name in ("press", "live", "decision", "load", "storm", "dispatches", "return", "where"):
        assert name in said
