// "Earlier messages": after each page the link asks for the one before it, and goes when there is none.

export function start(root, {signal} = {}) {
  const link = root.querySelector(".earlier");
  const timeline = root.getElementById("timeline");

  link.addEventListener("htmx:before:request", () => { timeline.ariaBusy = "true"; }, {signal}); // not read aloud
  link.addEventListener("htmx:finally:request", () => { timeline.ariaBusy = null; }, {signal});
  root.addEventListener("htmx:before:swap", ({detail: {ctx, tasks}}) => {
    const task = tasks.find(({target}) => target === timeline);
    const asked = ctx.sourceElement === link || task?.swapSpec.style === "innerHTML";
    if (asked && ctx.response.status < 400) point(link, task?.fragment);
  }, {signal});
}

/** Points the link at what lies before this page of messages. */
function point(link, page) {
  const messages = page?.children ?? [];
  link.hidden = messages.length < Number(link.dataset.page);
  if (link.hidden) return;
  const {seq} = messages[0].dataset;
  link.dataset.seq = seq;
  for (const name of ["href", "hx-get"]) {
    link.setAttribute(name, `${link.getAttribute(name).split("?")[0]}?before=${seq}`);
  }
}

start(document);
