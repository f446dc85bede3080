"""People in browsers, as the stories speak of them."""

from __future__ import annotations

import json
import uuid
from typing import Any

from playwright.sync_api import APIResponse, BrowserContext, Locator, Page, Route, expect

PASSWORD = "madang"


class Person:
    """One person in a browser of their own."""

    def __init__(self, context: BrowserContext, url: str, username: str) -> None:
        self.context = context
        self.url = url
        self.username = username
        self.page: Page = context.new_page()

    def sign_in(self) -> None:
        self.page.goto(f"{self.url}/accounts/login/")
        self.page.locator("[name=username]").fill(self.username)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.locator("[name=password]").press("Enter")
        expect(self.page.locator(".me small")).to_have_text(f"@{self.username}")

    def open(self, room: str, rest: str = "") -> Any:
        self.room = room
        return self.page.goto(f"{self.url}/rooms/{room}/{rest}")

    @property
    def box(self) -> Locator:
        return self.page.locator("#composer textarea")

    @property
    def problem(self) -> Locator:
        return self.page.locator(".composer-problem")

    @property
    def messages(self) -> Locator:
        return self.page.locator("#timeline > .message")

    @property
    def texts(self) -> Locator:
        return self.page.locator("#timeline > .message .bubble")

    def write(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")

    def post(self, text: str, room: str = "") -> APIResponse:
        """As another program would: without the page, again and again until the limit lets it through."""
        data = {"text": text, "client_mid": str(uuid.uuid4())}
        while (answer := self.send("messages/", data, room)).status == 429:
            pass
        assert answer.status == 201, answer.text()
        return answer

    def change(self, seq: int, verb: str, **data: str) -> None:
        answer = self.send(f"messages/{seq}/{verb}/", data)
        assert answer.status == 200, answer.text()

    def send(self, path: str, data: dict[str, str], room: str = "") -> APIResponse:
        cookies = {cookie["name"]: cookie["value"] for cookie in self.context.cookies()}
        return self.context.request.post(
            f"{self.url}/rooms/{room or self.room}/{path}",
            form=data,
            headers={"X-CSRFToken": cookies["csrftoken"], "HX-Request": "true"},
        )

    def cut_stream(self) -> None:
        """Ends the stream from below, as a lost connection does, as soon as it is open."""
        self.page.evaluate(
            """async () => {
              const reader = () => document.getElementById("live")._htmx?.sse?.reader;
              while (!reader()) await new Promise(requestAnimationFrame);
              reader().cancel();
            }"""
        )


def change_live(context: BrowserContext, settings: dict[str, float]) -> None:
    """Room pages get other `data-` attributes for their stream than the product's, before its modules run."""
    script = """new MutationObserver((_, observer) => {
      const live = document.getElementById("live");
      if (!live) return;
      Object.assign(live.dataset, SETTINGS);
      observer.disconnect();
    }).observe(document, {childList: true, subtree: true});"""
    context.add_init_script(script.replace("SETTINGS", json.dumps(settings)))


def hold(page: Page, pattern: str) -> list[Route]:
    """The next such request waits in the list that this returns, until the story lets it go."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(pattern, keep, times=1)
    return held


SHOWN = """timeline => [...timeline.cloneNode(true).children].map((node) => {
  for (const each of [node, ...node.querySelectorAll("*")]) {
    each.removeAttribute("data-htmx-powered");
    each.classList.remove("htmx-added");
  }
  return node.outerHTML;
})"""


def shown(page: Page) -> list[str]:
    """The timeline as it stands, without what htmx leaves on elements."""
    return list(page.locator("#timeline").evaluate(SHOWN))


def assert_replay_equals_reload(page: Page) -> None:
    """A page that lived through events equals a fresh one."""
    lived = shown(page)
    page.reload()
    fresh = shown(page)
    assert lived == fresh, json.dumps([lived, fresh], ensure_ascii=False, indent=1)
