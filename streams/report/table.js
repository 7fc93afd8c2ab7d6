"use strict";

/* The page is complete without its scripts. This one sorts and filters the table of all images. */

function sortKey(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.sort ?? cell.textContent;
  return text === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

/* Numbers before words, words by the alphabet, nothing last in either direction. */
function compare(a, b, direction) {
  if (a === "" || b === "") return (a === "") - (b === "");
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  return direction * String(a).localeCompare(String(b), undefined, { numeric: true });
}

function makeSortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const direction = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      const keyed = [...table.tBodies[0].rows].map((row) => [sortKey(row, column), row]);
      keyed.sort(([a], [b]) => compare(a, b, direction));
      table.tBodies[0].append(...keyed.map(([, row]) => row));
    });
  });
}

function addFilter(table) {
  const bar = document.createElement("div");
  bar.className = "filter";
  const search = Object.assign(document.createElement("input"), { type: "search", placeholder: "Filter images" });
  search.setAttribute("aria-label", "Filter images by any text in their line");
  const flagged = Object.assign(document.createElement("input"), { type: "checkbox" });
  const label = document.createElement("label");
  label.append(flagged, " flagged only");
  bar.append(search, label);
  table.parentElement.before(bar);
  const apply = () => {
    const wanted = search.value.toLowerCase();
    for (const row of table.tBodies[0].rows) {
      const unflagged = row.querySelector(".flag-text").textContent === "";
      row.hidden = !row.textContent.toLowerCase().includes(wanted) || (flagged.checked && unflagged);
    }
  };
  search.addEventListener("input", apply);
  flagged.addEventListener("change", apply);
}

for (const table of document.querySelectorAll("table.index")) {
  makeSortable(table);
  addFilter(table);
}
