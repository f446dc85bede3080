"""Many who ask the same kind of question at once, answered by one read."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Batch(Generic[Q, A]):
    """`read` answers a number of questions. Those who ask while it is at work share the next read."""

    def __init__(self, read: Callable[[Collection[Q]], Awaitable[A]]) -> None:
        self._read = read
        self._asking: list[tuple[Q, asyncio.Future[A]]] = []
        self._reading = asyncio.Lock()

    async def ask(self, question: Q) -> A:
        """The answer of a read that began after this call. Raises what the read raises."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._asking.append((question, answer))
        async with self._reading:
            if not answer.done():
                await self._answer_all(answer)
        return answer.result()

    async def _answer_all(self, own: asyncio.Future[A]) -> None:
        asking, self._asking = self._asking, []
        try:
            answers = await self._read([question for question, _ in asking])
        except Exception as error:
            for _, answer in asking:
                if not answer.done():
                    answer.set_exception(error)
                    answer.exception()  # whoever asked may have left
            return
        except BaseException:  # this one was cancelled, the others read anew
            self._asking = [each for each in asking if each[1] is not own] + self._asking
            raise
        for _, answer in asking:
            if not answer.done():
                answer.set_result(answers)
