// Every <time> in the reader's own zone and habit, in the language of the page.

const MINUTE = 60_000;

export function start(root, {signal} = {}) {
  const language = document.documentElement.lang;
  const locale = navigator.languages.find((each) => each.split("-")[0] === language) ?? language;
  const words = root.querySelector("[data-today]")?.dataset ?? {};
  const write = writer(locale, words);
  const writeAll = () => root.querySelectorAll("time[datetime]").forEach(write);

  const observer = new MutationObserver((records) => {
    for (const {addedNodes} of records) {
      for (const node of addedNodes) {
        if (node instanceof Element) node.querySelectorAll("time[datetime]").forEach(write);
      }
    }
  });
  writeAll();
  observer.observe(root.body ?? root, {childList: true, subtree: true});
  const midnight = setInterval(() => writeIfNewDay(writeAll), MINUTE);
  signal?.addEventListener("abort", () => {
    observer.disconnect();
    clearInterval(midnight);
  });
}

/** The calendar day of a moment here, as YYYY-MM-DD. */
const dayOf = (at) => [
  at.getFullYear(), String(at.getMonth() + 1).padStart(2, "0"), String(at.getDate()).padStart(2, "0"),
].join("-");

let today = dayOf(new Date());

function writeIfNewDay(writeAll) {
  if (today === dayOf(new Date())) return;
  today = dayOf(new Date());
  writeAll();
}

function daysAgo(day) {
  return Math.round((Date.parse(today) - Date.parse(day)) / (24 * 60 * MINUTE));
}

function writer(locale, words) {
  const clock = new Intl.DateTimeFormat(locale, {hour: "numeric", minute: "2-digit"});
  const weekday = new Intl.DateTimeFormat(locale, {weekday: "short"});
  const date = new Intl.DateTimeFormat(locale, {month: "short", day: "numeric"});
  const fullDate = new Intl.DateTimeFormat(locale, {dateStyle: "full"});
  const fullDateUTC = new Intl.DateTimeFormat(locale, {dateStyle: "full", timeZone: "UTC"});
  const near = (day) => ({0: words.today, 1: words.yesterday})[daysAgo(day)];

  function brief(at) {
    const ago = daysAgo(dayOf(at));
    if (ago <= 0) return clock.format(at);
    if (ago === 1) return words.yesterday;
    return (ago < 7 ? weekday : date).format(at);
  }

  return (time) => {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) return;
    if (time.dateTime.length === 10) {
      time.textContent = near(time.dateTime) ?? fullDateUTC.format(at);
      return;
    }
    time.textContent = time.classList.contains("room-at") ? brief(at) : clock.format(at);
    time.title = `${fullDate.format(at)} ${clock.format(at)}`;
  };
}

start(document);
