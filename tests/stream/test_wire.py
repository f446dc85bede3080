"""Frames are what the HTML standard reads back, and what django-eventstream's encoder writes."""

import re

import pytest
from django_eventstream.utils import sse_encode_event
from hypothesis import given
from hypothesis import strategies as st

from chat.stream.wire import Envelope, Wire

WIRE = Wire(sse_encode_event)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def parse(frame: bytes) -> dict[str, str]:
    """One event, by the rules of the HTML standard, section 9.2.6."""
    fields: dict[str, list[str]] = {}
    lines = re.split(r"\r\n|\r|\n", frame.decode())
    assert lines[-2:] == ["", ""], "an event ends with an empty line"
    for line in lines[:-2]:
        assert line, "an empty line would end the event early"
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    return {name: "\n".join(values) for name, values in fields.items()}


@given(seq=st.integers(1, 2**62), html=TEXT)
def test_a_change_is_unnamed_and_carries_its_seq(seq: int, html: str) -> None:
    assert parse(WIRE.change(seq, html)) == {"id": str(seq), "data": re.sub(r"\r\n?", "\n", html)}


@given(data=TEXT)
def test_a_signal_is_named_and_has_no_id(data: str) -> None:
    assert parse(WIRE.signal("typing", data)) == {"event": "typing", "data": re.sub(r"\r\n?", "\n", data)}


def test_the_opening_ping_tells_when_to_come_back() -> None:
    assert parse(WIRE.ping(42, retry_ms=1500)) == {"retry": "1500", "event": "ping", "data": '{"seq": 42}'}


def test_closed_names_its_reason() -> None:
    assert parse(WIRE.closed("drain", retry_ms=7)) == {"event": "closed", "data": '{"reason": "drain", "retry_ms": 7}'}


@given(seq=st.integers(0, 2**62), event=st.from_regex(r"[a-z]*", fullmatch=True), data=TEXT)
def test_an_envelope_comes_out_as_it_went_in(seq: int, event: str, data: str) -> None:
    assert Envelope.unpack(Envelope(seq, event, data).pack()) == Envelope(seq, event, data)


@pytest.mark.parametrize("garbage", [b"", b"42", b"42\n", b"x\n\n", b"-1\n\n", b"\xff\xfe\n\n", "٤\n\n".encode()])
def test_garbage_is_no_envelope(garbage: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Envelope.unpack(garbage)
