// Writing. The box is cleared at once for the next text; what could not be sent comes back into it.

export function start(root, {signal} = {}) {
  const form = root.getElementById("composer");
  const {text: box, client_mid: mid} = form.elements;
  const problem = problemLine(form);
  let back = ""; // what came back and was neither sent nor changed since
  const on = (name, react) => form.addEventListener(name, react, {signal});

  on("htmx:config:request", (event) => {
    if (box.value.trim() === "") event.preventDefault();
    else clear();
  });
  on("htmx:before:request", (event) => {
    event.detail.ctx.waitsForOlder = back !== ""; // what was sent after a text that came back comes back too
    if (back === "") problem.clear();
    else event.preventDefault();
  });
  on("htmx:finally:request", ({detail: {ctx}}) => {
    if (ctx.response?.status < 400 || isShown(ctx.request.body, form)) {
      const latest = root.querySelector(".latest");
      if (latest) location.assign(latest.href);
      else form.dispatchEvent(new Event("madang:sent", {bubbles: true}));
    } else {
      giveBack(ctx.request.body);
      if (!ctx.waitsForOlder) explain(ctx, problem, form.dataset);
    }
  });
  // A client_mid stands for one text: another text, also one a browser brought back with the page, gets another.
  on("input", ({isTrusted}) => { if (isTrusted) mid.value = newUUID(); });
  addEventListener("pageshow", () => { mid.value = newUUID(); }, {signal});

  function clear() {
    box.value = back = "";
    mid.value = newUUID();
  }

  /** In the order of sending, before what was typed since; with its own client_mid if it is alone. */
  function giveBack(sent) {
    const isBack = back !== "" && box.value.startsWith(back);
    const typed = isBack ? box.value.slice(back.length).replace(/^\n/, "") : box.value;
    mid.value = box.value === "" ? sent.get("client_mid") : newUUID();
    back = lines(isBack ? back : "", sent.get("text"));
    box.value = lines(back, typed);
    box.dispatchEvent(new Event("input", {bubbles: true}));
  }

  keepDraft(box, `draft ${form.dataset.sender} ${form.getAttribute("action")}`, signal);
}

const lines = (...texts) => texts.filter(Boolean).join("\n");

/** Also outside secure contexts, where crypto.randomUUID is missing (RFC 9562, version 4). */
function newUUID() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** The answer was lost, but the message has come by the stream. */
const isShown = (sent, {dataset}) => document.getElementById(`m-${dataset.sender}-${sent.get("client_mid")}`) !== null;

function explain({text, response}, problem, words) {
  const isPlain = response?.headers.get("Content-Type")?.startsWith("text/plain");
  if (response?.status === 429) problem.countDown(words.tooFast, Number(response.headers.get("Retry-After")) || 1);
  else problem.say((isPlain && text?.trim()) || words.notSent);
}

function problemLine(form) {
  const line = form.querySelector(".composer-problem");
  const [words, seconds] = line.children;
  let counting;

  function say(text, wait = "") {
    clearInterval(counting);
    line.hidden = !text;
    words.textContent = text;
    seconds.textContent = wait;
  }

  function countDown(text, wait) {
    say(text, wait);
    counting = setInterval(() => {
      wait -= 1;
      seconds.textContent = wait;
      if (wait <= 0) say("");
    }, 1_000);
  }

  return {say, countDown, clear: () => say("")};
}

/** A page that has to go (sign-in again, reload) does not take the text with it. */
function keepDraft(box, name, signal) {
  box.value ||= sessionStorage.getItem(name) ?? "";
  sessionStorage.removeItem(name);
  addEventListener("pagehide", () => {
    if (box.value) sessionStorage.setItem(name, box.value);
    else sessionStorage.removeItem(name);
  }, {signal});
}

start(document);
