// What others write, as `madang:news` with {room, seq, sender}; and in the title of a hidden tab how much of it came.

export function start(root, {signal} = {}) {
  const live = root.getElementById("live");
  const {room, person} = live.dataset;
  const title = root.title;
  let newest = Number(new URL(live.dataset.stream, location).searchParams.get("after"));
  let unseen = 0;

  function hear(news) {
    if (String(news.sender) === person) return;
    unseen += root.hidden ? 1 : 0;
    write();
    root.dispatchEvent(new CustomEvent("madang:news", {detail: news}));
  }

  function write() {
    if (!root.hidden) unseen = 0;
    root.title = unseen ? `(${unseen}) ${title}` : title;
  }

  live.addEventListener("htmx:before:swap", ({detail: {tasks}}) => {
    for (const {dataset} of tasks.flatMap(({fragment}) => [...fragment.querySelectorAll(".message")])) {
      const seq = Number(dataset.seq);
      if (seq <= newest || dataset.seq !== dataset.changed) continue; // known, or a change of what is known
      newest = seq;
      hear({room, seq, sender: Number(dataset.sender)});
    }
  }, {signal});
  live.addEventListener("pulse", ({detail}) => hear(JSON.parse(detail.data)), {signal});
  root.addEventListener("visibilitychange", write, {signal});
}

start(document);
