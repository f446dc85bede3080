// The Enter key sends, Shift+Enter breaks the line; where a finger types, Enter breaks the line and the button sends.
// Enter on a Hangul syllable still being composed sends once the syllable is whole. Enter that picks a Japanese or
// Chinese candidate only picks it.

const HANGUL = /^[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]+$/;
const COMPOSING = 229; // keyCode of every key that goes to the input method; all that Safari says after compositionend

export function start(root, {signal} = {}) {
  const box = root.querySelector("#composer textarea");
  const on = (name, react) => box.addEventListener(name, react, {signal});
  const send = () => box.form.requestSubmit();
  let composed = "";
  let sendWhenWhole = false;

  if (!isTouch() && !root.querySelector("[data-highlighted]")) box.focus({preventScroll: true});

  on("compositionstart", () => { composed = ""; });
  on("compositionupdate", ({data}) => { composed = data; });
  on("compositionend", () => {
    if (sendWhenWhole) setTimeout(send); // the box gets the syllable after this event
    sendWhenWhole = false;
  });
  on("keydown", (event) => {
    const isEnter = event.key === "Enter" || (event.keyCode === COMPOSING && event.code === "Enter");
    if (!isEnter || event.shiftKey || isTouch()) return;
    const isOfComposition = event.isComposing || event.keyCode === COMPOSING;
    if (isOfComposition && !HANGUL.test(composed)) return;
    event.preventDefault();
    if (event.isComposing) sendWhenWhole = true;
    else if (!event.repeat) send();
  });
  box.form.addEventListener("htmx:config:request", () => { if (!isTouch()) box.focus(); }, {signal});
}

const isTouch = () => matchMedia("(pointer: coarse)").matches;

start(document);
