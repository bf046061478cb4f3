"use strict";
// Sorts a table by the column whose button is pressed; what has no value stays at the end.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    return "value" in cell.dataset ? (cell.dataset.value === "" ? null : Number(cell.dataset.value)) : cell.innerText.trim();
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const first = head.dataset.first || "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = before === first ? other : first;
      for (const one of heads) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      const rows = [...body.rows].sort((a, b) => {
        const [one, two] = [value(a, column), value(b, column)];
        const absent = [one, two].map((each) => each === null || each === "");
        if (absent[0] || absent[1]) return absent[0] - absent[1];
        return order === "ascending" ? compare(one, two) : compare(two, one);
      });
      body.append(...rows);
    });
  });
}
