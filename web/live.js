// Keeps the part of a page marked `data-live` fresh, and shows times in the reader's own zone on
// hover. Everything can be read without it.
(() => {
  const EVERY_MS = 5000;

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.valueOf())) time.title = at.toLocaleString() + " here";
    }
  }
  localTimes(document);

  let live = document.querySelector("[data-live]");
  const place = document.querySelector("[data-live-switch]");
  if (!live || !place) return;

  let on = true;
  const button = document.createElement("button");
  button.type = "button";
  const show = () => {
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Live" : "Paused";
    button.title = on ? "Stop updating this page" : "Go on updating this page";
  };
  button.addEventListener("click", () => {
    on = !on;
    show();
    if (on) refresh();
  });
  show();
  place.append(button);

  // What the reader opened stays open, and what has the focus is left alone.
  async function refresh() {
    if (!on || document.hidden || live.contains(document.activeElement)) return;
    let answer;
    try {
      answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    } catch {
      return;
    }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (!fresh || live.contains(document.activeElement)) return;
    for (const open of live.querySelectorAll("details[open][id]")) {
      fresh.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
    }
    live.replaceWith(fresh);
    live = fresh;
    localTimes(live);
  }
  setInterval(refresh, EVERY_MS);
})();
