// Sorts and filters tables, and opens what a link leads to. Every page works without it.
"use strict";
(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? cell.textContent.trim();
  };
  const before = (one, other) => {
    const [a, b] = [parseFloat(one), parseFloat(other)];
    return isNaN(a) || isNaN(b) ? one.localeCompare(other) : a - b;
  };
  const sort = (table, column) => {
    const header = table.tHead.rows[0].cells[column];
    const up = header.getAttribute("aria-sort") !== "ascending";
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
    // What is not known stays at the end, whichever way.
    rows.sort(([a], [b]) => (a === "" || b === "" ? (a === "") - (b === "") : (up ? 1 : -1) * before(a, b)));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, column));
    });
  }

  const filters = document.querySelector(".filters");
  if (filters) {
    const [text, kind] = [filters.querySelector("input"), filters.querySelector("select")];
    const count = filters.querySelector("output");
    const apply = () => {
      const wanted = text.value.trim().toLowerCase();
      let left = 0;
      for (const row of document.querySelectorAll("[data-kinds]")) {
        const fits = row.dataset.search.includes(wanted)
          && (!kind.value || row.dataset.kinds.split(" ").includes(kind.value));
        row.hidden = !fits;
        if (fits && row.tagName === "TR") left += 1;
      }
      count.textContent = `${left} shown`;
    };
    filters.hidden = false;
    text.addEventListener("input", apply);
    kind.addEventListener("change", apply);
    apply();
  }

  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (location.hash) open();

  // On paper nothing can be opened: what belongs on it says so.
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details[data-print]")) part.open = true;
  });
})();
