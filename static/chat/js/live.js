// The room's stream: when to connect, from which seq on, and when it is over. Each connection is one htmx request;
// hx-sse carries it and swaps in what comes. Without hx-sse:connect the extension never connects by itself.

const LONGEST_CONNECT = 10_000;
const SHORTEST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

export function start(root, {signal} = {}) {
  const live = root.getElementById("live");
  const on = (name, react) => live.addEventListener(name, react, {signal});
  const tell = (state) => root.dispatchEvent(new CustomEvent("madang:link", {detail: {state}}));
  const drop = () => live.dispatchEvent(new Event("htmx:abort"));

  let known = Number(new URL(live.dataset.stream, location).searchParams.get("after")); // all up to here has arrived
  let missed = null; // what was known when something after it had not arrived
  let hasTurn = false;
  let isOver = false;
  let isUp = false; // connected, and what was missed has been replayed
  let failures = 0;
  let pause = null; // before the next connect, where it is not for the back-off to say
  let connection = null;
  let wake = () => {};

  const sleep = (time) => new Promise((resolve) => {
    wake = resolve;
    if (time < Infinity) setTimeout(resolve, time);
  });
  const backOff = () => Math.random() * Math.min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** failures++);

  async function follow() {
    while (!isOver) {
      tell(hasTurn ? "away" : "resting");
      if (hasTurn) await connectOnce();
      else await sleep(Infinity);
    }
  }

  /** One connection from its first byte to its last, and the time to wait after it. */
  async function connectOnce() {
    const next = Date.now() + SHORTEST_PAUSE;
    const headers = {"Last-Event-ID": String(known)};
    pause = null;
    await htmx.ajax("GET", live.dataset.stream, {source: live, headers, timeout: LONGEST_CONNECT});
    isUp = false;
    if (isOver) return;
    tell(hasTurn ? "away" : "resting");
    if (hasTurn) await sleep(pause ?? backOff());
    await new Promise((resolve) => { setTimeout(resolve, Math.min(SHORTEST_PAUSE, next - Date.now())); }); // no storm, whoever is in a hurry
  }

  function hurry() {
    if (isUp) return;
    failures = pause = 0;
    wake();
  }

  function end(reason) {
    isOver = true;
    drop();
    tell(reason);
    if (reason === "signed-out") location.assign(live.dataset.signIn);
  }

  /** Something up to `seq` has not arrived. It is asked for again; if that was in vain, the whole page is. */
  function heal(seq) {
    if (missed === known) {
      live.dispatchEvent(new CustomEvent("reset", {detail: {data: JSON.stringify({seq})}}));
    } else {
      missed = known;
      drop();
      pause = Math.random() * SHORTEST_PAUSE;
    }
  }

  // What hx-sse has not taken is no stream but a proxy's error, a captive portal, a sign-in page. None of it is shown.
  on("htmx:before:response", (event) => {
    event.preventDefault();
    const {raw} = event.detail.ctx.response;
    raw.body?.cancel().catch(() => {});
    if (raw.status === 401) end("signed-out");
    if (raw.status === 403 || raw.status === 404) end("removed");
  });
  on("htmx:sse:after:connection", ({detail}) => { ({connection} = detail); });
  on("htmx:sse:after:message", ({detail: {message}}) => {
    // A replay has only the newest change of each message; from then on every seq comes, and one that is missing shows.
    const seq = message.event ? 0 : seqOf(message.id);
    if (!isUp || seq === known + 1) known = Math.max(known, seq);
  });
  on("htmx:sse:error", () => { // perhaps hx-sse has read what htmx could not swap in
    const seq = seqOf(connection?.lastEventId);
    if (seq > known) heal(seq);
  });

  on("ping", ({detail}) => {
    const {seq} = JSON.parse(detail.data);
    const isFirst = !isUp;
    isUp = true;
    if (seq > known) heal(seq);
    if (!isFirst || seq > known) return;
    failures = 0;
    pause = connection.config.reconnectDelay; // the `retry:` of this connection: not all come back at once
    tell("up");
  });
  on("reset", ({detail}) => { known = Math.max(known, JSON.parse(detail.data).seq); }); // renew.js fetches it
  on("closed", ({detail}) => {
    const {reason, retry_ms: retry} = JSON.parse(detail.data);
    if (reason === "removed" || reason === "signed-out") end(reason);
    else pause = retry ?? null;
  });

  on("madang:turn", ({detail}) => {
    hasTurn = detail;
    if (hasTurn) hurry();
    else drop();
    wake();
  });
  on("madang:awake", hurry);
  on("madang:dead", () => {
    isUp = false;
    drop();
    hurry();
  });
  signal?.addEventListener("abort", () => end("resting"));
  follow();
}

/** Behind GRIP an id reads <channel>:<seq>. */
const seqOf = (id) => Number(id?.split(":").at(-1) || 0);

start(document);
