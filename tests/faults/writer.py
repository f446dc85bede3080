# ruff: noqa: S311  # nothing here is a secret
"""One person who posts, edits and deletes, and sends again what was not answered, as the page's own script does."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Sequence

import httpx

from tests.faults.browser import rows
from tests.faults.history import Act

WORDS = ["courtyard", "lantern", "persimmon", "bridge", "harbour", "마당", "등불", "감나무", "다리", "항구", "회의"]
TOKEN = "x" * 32
REQUEST_SECONDS = 15
EDITS, DELETIONS, REPEATS = 0.07, 0.03, 0.03


class Writer:
    def __init__(
        self, session: str, room: str, webs: Sequence[str], *, pause: float, words: tuple[int, int] = (1, 60)
    ) -> None:
        """`pause` is the time between two acts; `words` how many a message has."""
        self.acts: list[Act] = []
        self.refusals: Counter[str] = Counter()
        """Answers of 5xx by status, and connections that broke or took too long by their error."""
        self.slowest = 0.0
        """Seconds that the slowest answer took, whatever it was."""
        self.problem = ""
        """An answer that nobody expected; the writer ends with it."""
        self.stopping = False
        self.done = False
        self._pause = pause
        self._words = words
        self._path = f"/rooms/{room}/messages/"
        self._webs = list(webs)
        self._mine: list[Act] = []
        self._client = httpx.AsyncClient(
            headers={"HX-Request": "true", "X-CSRFToken": TOKEN},
            cookies={"sessionid": session, "csrftoken": TOKEN},
            timeout=REQUEST_SECONDS,
            verify=False,  # noqa: S501  # no https here
        )

    async def run(self) -> None:
        """Writes until `stopping`, and then until the last act is answered."""
        async with self._client:
            await asyncio.sleep(random.uniform(0, self._pause))
            while not self.stopping and not self.problem:
                begun = time.monotonic()
                await self._act()
                if not self.stopping:
                    await asyncio.sleep(max(0, begun + self._pause * random.uniform(0.8, 1.2) - time.monotonic()))
        self.done = True

    async def _act(self) -> None:
        chance = random.random()
        text = " ".join(random.choices(WORDS, k=random.randint(*self._words)))
        if not self._mine or chance > EDITS + DELETIONS:
            mid = str(uuid.uuid4())
            await self._post(mid, text)
            if random.random() < REPEATS:
                await self._post(mid, text, repeat=True)
        elif chance < EDITS:
            await self._send(f"{random.choice(self._mine).place}/edit/", {"text": f"{text} {uuid.uuid4()}"})
        else:
            await self._send(f"{self._mine.pop(random.randrange(len(self._mine))).place}/delete/", {})

    async def _post(self, mid: str, text: str, *, repeat: bool = False) -> None:
        act = await self._send("", {"text": text, "client_mid": mid}, repeat=repeat)
        if act and not repeat:
            self._mine = [*self._mine[-20:], act]

    async def _send(self, path: str, data: dict[str, str], *, repeat: bool = False) -> Act | None:
        began, attempts = time.time(), 0
        while True:
            attempts += 1
            answer = await self._try(path, data)
            if answer is not None and answer.status_code in {200, 201}:
                break
            if answer is not None and answer.status_code == 429:
                await asyncio.sleep(float(answer.headers["Retry-After"]))
            elif answer is not None and answer.status_code < 500:
                self.problem = f"{answer.status_code} for {path}: {answer.text[:200]}"
                return None
            else:
                await asyncio.sleep(random.uniform(0.2, 0.5) * min(attempts, 4))
        row = rows(answer.content)[0]
        act = Act(row.article, row.place, row.seq, began, time.time(), attempts, repeat)
        self.acts.append(act)
        return act

    async def _try(self, path: str, data: dict[str, str]) -> httpx.Response | None:
        """The answer, None if there was none."""
        web = random.choice(self._webs)
        begun = time.monotonic()
        try:
            answer = await self._client.post(f"{web}{self._path}{path}", data=data)
        except httpx.TransportError as error:
            self.refusals[type(error).__name__] += 1
            return None
        finally:
            self.slowest = max(self.slowest, time.monotonic() - begun)
        if answer.status_code >= 500:
            self.refusals[str(answer.status_code)] += 1
        return answer
