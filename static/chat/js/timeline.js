// The marks between messages: where a day begins and where a sender's run begins, in the reader's own zone.
// The server's page has them for UTC; here they follow every message that comes, changes or goes.

const RUN = 5 * 60_000;

export function start(root, {signal} = {}) {
  const timeline = root.getElementById("timeline");
  const observer = new MutationObserver(() => mark());

  function mark() {
    markDaysAndRuns(timeline);
    const seq = timeline.dataset.highlighted;
    if (seq) timeline.querySelector(`:scope > .message[data-seq="${seq}"]`)?.setAttribute("aria-current", "true");
    observer.takeRecords();
  }

  mark();
  observer.observe(timeline, {childList: true});
  signal?.addEventListener("abort", () => observer.disconnect());
}

function markDaysAndRuns(timeline) {
  let before = null;
  let marks = [];
  for (const node of [...timeline.children]) {
    if (!node.matches(".message")) {
      marks.push(node);
      continue;
    }
    const here = {sender: node.dataset.sender, at: new Date(node.dataset.at)};
    const wanted = wantedBetween(before, here);
    if (!areMarks(marks, wanted)) {
      marks.forEach((mark) => mark.remove());
      node.before(...wanted.map(newMark));
    }
    before = here;
    marks = [];
  }
  marks.forEach((mark) => mark.remove());
}

/** What stands before a message: the day that begins with it, then "run" if it begins one. */
function wantedBetween(before, here) {
  const day = dayOf(here.at);
  const newDay = !before || day !== dayOf(before.at);
  const newRun = newDay || before.sender !== here.sender || here.at - before.at > RUN;
  return [...(newDay ? [day] : []), ...(newRun ? ["run"] : [])];
}

function dayOf(at) {
  const twoDigits = (number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
}

function areMarks(marks, wanted) {
  const names = marks.map((mark) => mark.querySelector("time")?.dateTime ?? "run");
  return names.length === wanted.length && names.every((name, place) => name === wanted[place]);
}

function newMark(name) {
  const mark = document.createElement(name === "run" ? "i" : "p");
  mark.className = name === "run" ? "run" : "day";
  if (name === "run") {
    mark.hidden = true;
  } else {
    const time = document.createElement("time");
    time.dateTime = name;
    mark.append(time);
  }
  return mark;
}

start(document);
