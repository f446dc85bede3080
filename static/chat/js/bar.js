// One thin line about the link: silent while it is up or soon back, else "Reconnecting…", then what came meanwhile.

const PATIENCE = 2_000;
const FAREWELL = 4_000;

export function start(root, {signal} = {}) {
  const bar = root.getElementById("bar");
  const words = bar.dataset;
  const {room} = root.getElementById("live").dataset;
  const plural = new Intl.PluralRules(document.documentElement.lang);
  let isAway = false;
  let isShown = false;
  let recovered = 0;
  let timer;

  function say(text) {
    bar.textContent = text;
    bar.classList.toggle("shown", isShown = text !== "");
  }

  const trouble = () => say(navigator.onLine ? words.away : words.offline);

  function away() {
    if (isAway) return;
    isAway = true;
    clearTimeout(timer);
    if (isShown) trouble();
    else timer = setTimeout(trouble, PATIENCE);
  }

  function up() {
    clearTimeout(timer);
    const many = plural.select(recovered) === "one" ? words.recoveredOne : words.recoveredOther;
    if (isShown) say(recovered ? many.replace("{n}", recovered) : words.back);
    timer = setTimeout(say, FAREWELL, "");
    rest();
  }

  function rest() {
    isAway = false;
    recovered = 0;
  }

  root.addEventListener("madang:link", ({detail: {state}}) => {
    if (state === "away") return away();
    if (state === "up") return up();
    clearTimeout(timer);
    say("");
    return rest();
  }, {signal});
  root.addEventListener("madang:news", ({detail}) => {
    if (isAway && detail.room === room) recovered += 1;
  }, {signal});
  for (const name of ["online", "offline"]) {
    addEventListener(name, () => { if (isAway && isShown) trouble(); }, {signal});
  }
}

start(document);
