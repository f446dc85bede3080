"""Readers that read nothing are cut off, what they held in memory comes back, and the others notice nothing."""

import socket
import time
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

import psutil
import pytest

from chat.accounts.actions import open_session
from tests.faults.conftest import Plant
from tests.faults.scene import PROFILE, Scene, scene
from tests.processes import Process

pytestmark = pytest.mark.django_db(transaction=True)

SLOW = round(PROFILE.seconds(50, 20))
CUT_SECONDS = 30
WORDS = (500, 1400)
MARGIN_BYTES = 16 * 1024 * 1024


def connect(it: Scene, number: int) -> socket.socket:
    """A listener that has asked for its stream and never takes a byte of it."""
    url = urlsplit(it.streams[number % len(it.streams)])
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect((url.hostname, url.port))
    session = open_session(person=it.watching[number % len(it.watching)])
    path = f"/rooms/{it.room.pk}/stream/"
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: l\r\nCookie: sessionid={session}\r\n\r\n".encode())
    return reader


def held(house: list[Process], ports: set[int]) -> set[int]:
    """Those of the clients' ports to which a process still has a connection open."""
    connections = [each for process in house for each in psutil.Process(process.pid).net_connections("tcp")]
    return {each.raddr.port for each in connections if each.raddr and each.raddr.port in ports}


def memory(house: list[Process]) -> int:
    return sum(psutil.Process(process.pid).memory_info().rss for process in house)


def test_readers_that_read_nothing_are_cut(plant: Plant) -> None:
    streams = list(plant.house.stream)
    profile = replace(PROFILE, listeners=PROFILE.listeners // 2)
    with scene(plant.house, profile) as it, ExitStack() as stack:
        it.write(WORDS)
        it.go_on(PROFILE.seconds(10, 2))
        before = memory(streams)
        joined_at = time.time()
        readers = [stack.enter_context(connect(it, number)) for number in range(SLOW)]
        ports = {reader.getsockname()[1] for reader in readers}
        begun = time.monotonic()
        it.go_on(1)
        stuck_at = time.time()
        most, cut_after = 0, 0.0
        while held(streams, ports) and cut_after <= CUT_SECONDS:
            it.go_on(1)
            most = max(most, memory(streams))
            cut_after = time.monotonic() - begun
        it.go_on(PROFILE.seconds(10, 1))
        after = memory(streams)
        outcome = it.settle()
    undisturbed = outcome.report.percentile(0.99, until=joined_at)
    disturbed = outcome.report.percentile(0.99, since=stuck_at)
    mb = 1024 * 1024
    outcome.say(
        f"{SLOW} slow readers: cut after {cut_after:.1f} s, "
        f"memory {before // mb} MB before, {most // mb} MB at most, {after // mb} MB after, "
        f"the others' p99 {undisturbed:.3f} s without and {disturbed:.3f} s with them"
    )
    assert cut_after <= CUT_SECONDS
    assert after <= before + MARGIN_BYTES
    outcome.assert_nothing_is_wrong(stalest=2)
    assert outcome.connects == profile.listeners
    assert disturbed <= 3 * undisturbed + 0.5
