// The room's stream. hx-sse carries it and reconnects; here is what it leaves open: a first connect that fails, the
// server's last word, and a timeline too far behind.

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

export function start(root, {signal} = {}) {
  const live = root.getElementById("live");
  const timeline = root.getElementById("timeline");
  const on = (name, react) => live.addEventListener(name, react, {signal});
  const leave = (url) => location.assign(url);
  let connection = null;
  let failures = 0;

  function refused(status) {
    if (status === 401) leave(live.dataset.signIn);
    if (status === 403 || status === 404) leave(live.dataset.home);
    return [401, 403, 404].includes(status);
  }

  function connectLater() {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures++);
    setTimeout(() => live.dispatchEvent(new Event("reconnect")), longest * (0.5 + Math.random() / 2));
  }

  on("htmx:sse:after:connection", ({detail}) => {
    connection = detail.connection;
    failures = 0;
  });
  on("htmx:sse:error", ({detail}) => refused(detail.status));
  on("htmx:sse:close", ({detail}) => {
    connection = null;
    if (detail.reason !== "removed") connectLater();
  });
  on("htmx:finally:request", ({detail: {ctx}}) => {
    if (!connection && !refused(ctx.response?.status)) connectLater();
  });

  on("closed", ({detail}) => {
    const {reason, retry_ms: retry} = JSON.parse(detail.data);
    if (reason === "removed") leave(live.dataset.home);
    if (reason === "signed-out") leave(live.dataset.signIn);
    if (retry && connection) connection.config.reconnectDelay = retry;
  });
  on("reset", async ({detail}) => {
    if (root.querySelector(".latest")) location.reload();
    while (!await reload(timeline)) await pause(FIRST_PAUSE * (1 + Math.random() * 4));
    const {seq} = JSON.parse(detail.data); // known from now on: the next connect need not start before it
    if (connection) connection.lastEventId = String(Math.max(seq, Number(connection.lastEventId)));
  });
}

const pause = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

/** The newest page in place of what is shown. Whether it has arrived. */
async function reload(timeline) {
  let arrived = false;
  const settled = new AbortController();
  timeline.addEventListener("htmx:after:swap", ({detail: {ctx}}) => {
    arrived = ctx.response.status < 400;
  }, {signal: settled.signal});
  await htmx.ajax("GET", `${timeline.dataset.messages}?limit=50`, {source: timeline, target: timeline, swap: "innerHTML"});
  settled.abort();
  return arrived;
}

start(document);
