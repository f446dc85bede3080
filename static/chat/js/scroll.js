// Where the reader is: at the end and kept there, or at a message that must not move while others come and go.
// The scroller is a reversed column, so its scrollTop is 0 at the end and negative above it.

const NEAR_END = 100;

export function start(root, {signal} = {}) {
  const scroller = root.querySelector(".scroll");
  const timeline = root.getElementById("timeline");
  let kept = null; // the first message in view and its place, null at the end

  function keep() {
    kept = scroller.scrollTop > -NEAR_END ? null : firstInView(scroller, timeline);
  }

  function hold() {
    const message = kept && root.getElementById(kept.id);
    if (!kept) scroller.scrollTop = 0;
    else if (message) scroller.scrollTop += place(scroller, message) - kept.place;
    keep();
  }

  const observer = new ResizeObserver(hold);
  const {highlighted} = timeline.dataset;
  if (highlighted) {
    timeline.querySelector(`:scope > [data-seq="${highlighted}"]`)?.scrollIntoView({block: "center"});
    keep();
  }
  observer.observe(timeline);
  observer.observe(scroller);
  scroller.addEventListener("scroll", keep, {passive: true, signal});
  root.addEventListener("madang:sent", () => { scroller.scrollTop = 0; }, {signal});
  signal?.addEventListener("abort", () => observer.disconnect());
}

/** Where a message ends: its head may go when others come before it. */
const place = (scroller, message) => message.getBoundingClientRect().bottom - scroller.getBoundingClientRect().top;

function firstInView(scroller, timeline) {
  const messages = timeline.querySelectorAll(":scope > .message");
  let low = 0;
  let high = messages.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    [low, high] = place(scroller, messages[middle]) > 0 ? [low, middle] : [middle + 1, high];
  }
  return messages.length ? {id: messages[low].id, place: place(scroller, messages[low])} : null;
}

start(document);
