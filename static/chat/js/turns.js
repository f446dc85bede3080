// Which tabs have a stream. Over HTTP/1.1 a browser opens six connections to a host, and pages need some of them. So a
// tab lets go a while after it was hidden, except one, the leader, which goes on hearing what comes. At most three tabs
// stay connected, those looked at last; any other that is visible comes by in turn to see what is new, and goes again.
// Web Locks want https or localhost: where they are missing every visible tab stays connected and no hidden one.

const SEATS = ["madang seat 1", "madang seat 2", "madang seat 3"];
const VISIT_EVERY = 10_000;

export function start(root, {signal} = {}) {
  const live = root.getElementById("live");
  const linger = Number(live.dataset.linger) * 1_000;
  const on = (target, name, react) => target.addEventListener(name, react, {signal});
  let isSeen = false;
  let isLeader = false;
  let seat = null;
  let visit = null;
  let hasTurn = false;
  let hiding;
  let here = new AbortController();
  let arranged = Promise.resolve();

  const wants = () => isSeen || isLeader;

  /** Says it when the turn has come or gone. */
  function settle() {
    if (!wants() || seat) visit = letGo(visit);
    if (!wants()) seat = letGo(seat);
    const may = Boolean(seat || visit);
    if (may !== hasTurn) live.dispatchEvent(new CustomEvent("madang:turn", {detail: hasTurn = may}));
  }

  /** One arrangement after the other. */
  function arrange(take) {
    arranged = arranged.then(async () => {
      if (wants() && !seat) await take();
      settle();
    });
  }

  const sit = async (isLookedAt) => { seat = await takeSeat(isLookedAt, () => { seat = null; settle(); }); };

  function look() {
    clearTimeout(hiding);
    isSeen = true;
    if (seat) stamp(seat);
    arrange(() => sit(true));
  }

  async function comeBy() {
    await sit(false);
    if (!seat) visit ??= await hold("madang visit", {ifAvailable: true});
  }

  async function lead() {
    const lock = await hold("madang leader", {signal: here.signal});
    if (!lock) return;
    here.signal.addEventListener("abort", lock.letGo);
    isLeader = true;
    arrange(() => sit(false));
  }

  function arrive() {
    here = new AbortController();
    if (navigator.locks) lead();
    if (!root.hidden) look();
  }

  function leave() {
    here.abort();
    isSeen = isLeader = false;
    settle();
  }

  on(root, "madang:link", ({detail: {state}}) => {
    if (state !== "up" || !visit) return;
    visit = letGo(visit);
    settle();
  });
  on(root, "visibilitychange", () => {
    clearTimeout(hiding);
    if (!root.hidden) look();
    else hiding = setTimeout(() => { isSeen = false; settle(); }, linger);
  });
  on(window, "focus", look);
  on(window, "pagehide", leave);
  on(window, "pageshow", ({persisted}) => { if (persisted) arrive(); });
  const visiting = navigator.locks && setInterval(() => arrange(comeBy), VISIT_EVERY);
  signal?.addEventListener("abort", () => {
    clearInterval(visiting);
    leave();
  });
  arrive();
}

/** A lock's name and how to let go of it, or null when it is not to be had. `onLost` when another tab takes it away. */
function hold(name, options, onLost) {
  return new Promise((given) => {
    const keep = (lock) => lock && new Promise((letGo) => { given({name, letGo}); });
    navigator.locks.request(name, options, keep).then(() => given(null), () => {
      given(null);
      onLost?.();
    });
  });
}

function letGo(lock) {
  lock?.letGo();
  return null;
}

async function takeSeat(isLookedAt, onLost) {
  if (!navigator.locks) return {letGo() {}};
  for (const name of SEATS) {
    const seat = await hold(name, {ifAvailable: true}, onLost);
    if (seat) return stamp(seat);
  }
  const [oldest] = [...SEATS].sort((one, other) => localStorage.getItem(one) - localStorage.getItem(other));
  return isLookedAt ? stamp(await hold(oldest, {steal: true}, onLost)) : null;
}

function stamp(seat) {
  if (seat?.name) localStorage.setItem(seat.name, Date.now());
  return seat;
}

start(document);
