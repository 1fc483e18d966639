// Keeps what goes on up to date: asks the server for the changing part of the page, and puts it in place of the old.
// Everything works without this script; pages of runs that go on then load themselves anew.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live || !live.dataset.live) return;
  const ends = live.dataset.ends === "1";
  let mark = live.dataset.mark, pause = 1500, failures = 0;

  const opened = () => [...live.querySelectorAll("details")].map((each) => each.open);
  const reading = () => {
    const chosen = document.getSelection();
    return (chosen && !chosen.isCollapsed && live.contains(chosen.anchorNode)) || live.contains(document.activeElement);
  };

  const put = (text) => {
    const before = opened();
    const fresh = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
    if (!fresh) return;
    mark = fresh.dataset.mark;
    if (ends && fresh.dataset.goesOn === "0") return location.reload();
    live.replaceChildren(fresh);
    [...live.querySelectorAll("details")].forEach((each, at) => { if (at in before) each.open = before[at]; });
  };

  const ask = async () => {
    if (document.hidden || reading()) return;
    const url = live.dataset.live + (live.dataset.live.endsWith("?") ? "" : "&") + "live=" + encodeURIComponent(mark);
    const said = await fetch(url, { cache: "no-store", credentials: "same-origin" });
    if (said.status === 200) put(await said.text());
    else if (said.status !== 204) throw new Error(String(said.status));
  };

  const again = async () => {
    try { await ask(); failures = 0; pause = ends ? 1500 : 4000; }
    catch { failures += 1; pause = Math.min(30000, 1500 * 2 ** failures); }
    setTimeout(again, pause);
  };
  setTimeout(again, pause);
})();
