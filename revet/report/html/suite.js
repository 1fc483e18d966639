(() => {
  const box = document.querySelector(".filter");
  if (!box) return;
  const input = box.querySelector("input"), said = box.querySelector("output");
  const groups = [...document.querySelectorAll("details.ends")].map((fold) => ({
    fold, rows: [...fold.querySelectorAll("tbody tr")].map((row) => [row, row.textContent.toLowerCase()]),
  }));
  let waiting = 0;
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { fold, rows } of groups) {
      let here = 0;
      for (const [row, text] of rows) {
        const fits = words.every((word) => text.includes(word));
        if (row.hidden === fits) row.hidden = !fits;
        here += fits;
      }
      fold.hidden = words.length > 0 && here === 0;
      if (words.length && here && here <= 50) fold.open = true;
      found += here;
    }
    said.textContent = words.length ? `${found.toLocaleString("en")} found` : "";
  };
  input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  box.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  box.hidden = false;
})();
