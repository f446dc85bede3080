// Whoever may no longer read the room is told so, in place of the room.

export function start(root, {signal} = {}) {
  const notice = root.getElementById("removed");

  root.addEventListener("madang:link", ({detail: {state}}) => {
    if (state !== "removed") return;
    root.querySelectorAll(".scroll, .room-foot").forEach((part) => part.remove());
    root.querySelector(".room[aria-current]")?.closest("li").remove();
    notice.hidden = false;
    notice.querySelector("a").focus();
  }, {signal});
}

start(document);
