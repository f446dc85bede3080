// The newest page in place of what is shown, when a stream cannot bring all that was missed.

export function start(root, {signal} = {}) {
  const timeline = root.getElementById("timeline");

  root.getElementById("live").addEventListener("reset", async () => {
    if (root.querySelector(".latest")) location.reload();
    while (timeline.isConnected && !await renew(timeline)) await pause(1_000 + Math.random() * 4_000);
  }, {signal});
}

const pause = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

/** Whether it has arrived. */
async function renew(timeline) {
  let hasArrived = false;
  const settled = new AbortController();
  timeline.addEventListener("htmx:after:swap", ({detail: {ctx}}) => {
    hasArrived = ctx.response.status < 400;
  }, {signal: settled.signal});
  await htmx.ajax("GET", `${timeline.dataset.messages}?limit=50`, {source: timeline, target: timeline, swap: "innerHTML"});
  settled.abort();
  return hasArrived;
}

start(document);
