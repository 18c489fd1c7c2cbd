"use strict";

// Sort tables by a column: ascending, descending, as printed. Text that begins with a number sorts
// by the number.
function weight(cell) {
  const text = cell ? cell.textContent.trim() : "";
  const number = text.replace(/[<,≤≥\s]/g, "").replace("−", "-").match(/^-?\d+(\.\d+)?(e-?\d+)?/);
  return { text, number: number ? Number(number[0]) : null };
}

function compare(a, b) {
  if (a.number !== null && b.number !== null) return a.number - b.number;
  if (a.number !== null) return -1;
  if (b.number !== null) return 1;
  return a.text.localeCompare(b.text);
}

for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const printed = [...body.rows];
  if (printed.length < 3) continue;
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "" }[head.getAttribute("aria-sort")] ?? "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      const rows = [...printed];
      if (next) {
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        rows.sort((a, b) => sign * compare(weight(a.cells[column]), weight(b.cells[column])));
      }
      body.append(...rows);
    });
  });
}

// Filter the conditions by result.
const conditions = document.querySelector("#conditions ~ .block");
if (conditions) {
  const rows = [...conditions.querySelectorAll("tbody tr")];
  const outcomes = new Map(rows.map((row) => {
    const status = row.querySelector(".status");
    return [status.textContent.trim(), status.className];
  }));
  const bar = document.createElement("p");
  bar.className = "tools";
  bar.append("Show: ");
  for (const [words] of outcomes) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      for (const row of rows) {
        if (row.querySelector(".status").textContent.trim() === words) row.hidden = !shown;
      }
    });
    bar.append(button);
  }
  if (outcomes.size > 1) conditions.before(bar);
}

// Let readers copy digests.
for (const code of document.querySelectorAll("p .code")) {
  if (!/^[0-9a-zA-Z+/=]{16,}$/.test(code.textContent)) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copying";
  button.textContent = "copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "selected";
    }
  });
  code.after(button);
}
