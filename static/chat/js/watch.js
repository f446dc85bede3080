// Whether the link can still be alive. The server speaks every 15 seconds; a dead connection says nothing, not even that.

export function start(root, {signal} = {}) {
  const live = root.getElementById("live");
  const patience = Number(live.dataset.patience) * 1_000;
  const on = (target, name, react) => target.addEventListener(name, react, {signal});
  const say = (name) => live.dispatchEvent(new CustomEvent(name));
  let heard = Infinity; // by the clock, which goes on while the machine sleeps; Infinity: nothing to hear
  let looked = Date.now();

  const hear = () => { heard = Date.now(); };
  on(live, "htmx:before:request", hear);
  on(live, "htmx:sse:before:message", hear);
  on(live, "htmx:finally:request", () => { heard = Infinity; });

  function look(longest) {
    const now = Date.now();
    const hasSlept = now - looked > patience / 3;
    looked = now;
    if (now - heard > (hasSlept ? patience / 2 : longest)) say("madang:dead");
    else if (hasSlept) say("madang:awake");
  }

  const timer = setInterval(() => look(patience), patience / 9);
  on(root, "visibilitychange", () => { if (!root.hidden) look(patience / 2); }); // some systems cut hidden pages silently
  on(window, "offline", () => say("madang:dead")); // if that is a false alarm, connecting will show it
  on(window, "online", () => say("madang:awake"));
  signal?.addEventListener("abort", () => clearInterval(timer));
}

start(document);
