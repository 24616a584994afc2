"use strict";
(() => {
  const data = JSON.parse(document.getElementById("choices").textContent);
  const boxes = [...document.querySelectorAll("input[data-track]")];
  const state = document.getElementById("state");
  const save = document.getElementById("save");
  const undo = document.getElementById("undo");
  const title = document.title;
  let saved = boxes.map((box) => box.checked);
  let after = "";

  const changed = () => boxes.filter((box, i) => box.checked !== saved[i]);

  function show() {
    boxes.forEach((box, i) => {
      const row = box.closest("tr");
      row.classList.toggle("on", box.checked);
      row.classList.toggle("changed", box.checked !== saved[i]);
    });
    const count = changed().length;
    const changes = `${count} ${count === 1 ? "change" : "changes"} not saved`;
    state.textContent = count ? `${changes}.` : after || state.dataset.idle;
    document.title = count ? `(${count}) ${title}` : title;
    save.disabled = undo.disabled = !count;
    document.body.classList.toggle("unsaved", count > 0);
  }

  // Maps, since a video may be called "constructor"
  function chosen() {
    const people = new Map(Object.entries(data.choices).map(([person, videos]) =>
      [person, new Map(Object.entries(videos).map(([video, tracks]) => [video, new Map(Object.entries(tracks))]))]));
    const mine = people.get(data.person) || new Map();
    people.set(data.person, mine);
    for (const box of boxes) {
      const { video, track, measured } = box.dataset;
      const tracks = mine.get(video) || new Map();
      mine.set(video, tracks);
      if (box.checked === (measured === "yes")) tracks.delete(track);
      else tracks.set(track, box.checked);
    }
    return people;
  }

  function yaml(people) {
    const lines = ["# Which tracks count as whose: made on the page of faces, read by preprocess."];
    const sorted = (map) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [person, videos] of sorted(people)) {
      const some = sorted(videos).filter(([, tracks]) => tracks.size);
      lines.push(`"${person}":${some.length ? "" : " {}"}`);
      for (const [video, tracks] of some) {
        lines.push(`  "${video}":`);
        for (const [track, kept] of sorted(tracks)) lines.push(`    "${track}": ${kept ? "keep" : "drop"}`);
      }
    }
    return lines.join("\n") + "\n";
  }

  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([yaml(chosen())], { type: "application/yaml" }));
    link.download = data.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    saved = boxes.map((box) => box.checked);
    after = state.dataset.saved;
    document.body.classList.add("saved");
    show();
  });

  undo.addEventListener("click", () => {
    boxes.forEach((box, i) => { box.checked = saved[i]; });
    show();
  });

  for (const table of document.querySelectorAll("table.tracks")) {
    table.addEventListener("change", show);
    table.addEventListener("click", (event) => { // anywhere in the row, so that one need not aim
      const row = event.target.closest("tr");
      if (!row || event.target.closest("a, input, label") || String(getSelection())) return;
      const box = row.querySelector("input");
      if (box) box.click();
    });
    table.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const next = boxes[boxes.indexOf(event.target) + step];
      if (!step || !next) return;
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    });
  }

  addEventListener("beforeunload", (event) => { if (changed().length) event.preventDefault(); });
  document.body.classList.add("alive");
  show();
})();
