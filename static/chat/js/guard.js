// What may enter the timeline. Live pushes, replays and the answers to one's own posts all pass here before htmx swaps
// them in, so that an older version never replaces a newer one and the window of messages stays without holes.

export function start(root, {signal} = {}) {
  const timeline = root.getElementById("timeline");

  root.addEventListener("htmx:before:swap", ({detail: {ctx, tasks}}) => {
    for (const {target, swapSpec, fragment} of tasks) {
      if (target !== timeline) continue;
      if (swapSpec.style === "innerHTML") keepNewer(timeline, fragment);
      else admit(fragment, shownRange(root, ctx.sourceElement));
    }
  }, {signal});
}

/** The seqs that belong on the page. History that was asked for may extend it upwards. */
function shownRange(root, source) {
  const earlier = root.querySelector(".earlier:not([hidden])");
  const latest = root.querySelector(".latest");
  return {
    first: earlier && source !== earlier ? Number(earlier.dataset.seq) : 0,
    last: latest ? Number(latest.dataset.seq) : Infinity,
  };
}

function admit(fragment, {first, last}) {
  for (const message of [...fragment.children]) {
    const shown = document.getElementById(message.id);
    const outside = Number(message.dataset.seq) < first || Number(message.dataset.seq) > last;
    if (!message.matches(".message") || (shown ? !isNewer(message, shown) : outside)) message.remove();
  }
}

/** A fresh page may have been read before changes that are shown already. */
function keepNewer(timeline, fragment) {
  const fresh = new Map([...fragment.children].map((message) => [message.id, message]));
  const last = Math.max(0, ...[...fresh.values()].map((message) => Number(message.dataset.seq)));
  for (const shown of [...timeline.children].filter((each) => each.matches(".message"))) {
    const message = fresh.get(shown.id);
    if (message && isNewer(shown, message)) message.replaceWith(shown.cloneNode(true));
    if (!message && Number(shown.dataset.seq) > last) fragment.append(shown.cloneNode(true));
  }
}

const isNewer = (one, other) => Number(one.dataset.changed) > Number(other.dataset.changed);

start(document);
