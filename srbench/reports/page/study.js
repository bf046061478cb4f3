"use strict";

const numbers = JSON.parse(document.getElementById("numbers").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Tables: sorted by a click on a heading, filtered by a form, copied as they stand.

const collator = new Intl.Collator(undefined, { numeric: true });

function compared(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === "");  // what is missing stands last, whichever way
  const [x, y] = [Number(a), Number(b)];
  return sign * (Number.isNaN(x) || Number.isNaN(y) ? collator.compare(a, b) : x - y);
}

function sortBy(button) {
  const heading = button.closest("th"), table = button.closest("table"), body = table.tBodies[0];
  const place = heading.cellIndex, ascending = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of all("th[aria-sort]", table)) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const key = (row) => row.cells[place].dataset.sort;
  const rows = [...body.rows].sort((a, b) => compared(key(a), key(b), ascending ? 1 : -1));
  for (const row of rows) row.classList.remove("first");
  body.append(...rows);
}

function filterTables(form) {
  const { table, model, scale, text } = Object.fromEntries(new FormData(form));
  for (const article of all("#tables .table")) {
    article.hidden = table !== "" && article.id !== table;
    for (const row of all("tbody tr", article)) {
      const fits = (wanted, has) => wanted === "" || wanted === has;
      row.hidden = !(fits(model, row.dataset.model) && fits(scale, row.dataset.scale)
        && row.textContent.toLowerCase().includes(text.toLowerCase()));
    }
  }
}

function asText(article, form) {
  const around = article.querySelector(`template[data-form="${form}"]`).dataset;
  const lines = [around.head];
  let group = null;
  for (const row of all("tbody tr", article).filter((row) => !row.hidden)) {
    if (around.between && row.dataset.group !== group) lines.push(around.between);
    group = row.dataset.group;
    lines.push(row.dataset[form]);
  }
  return [...lines, around.foot].filter((line) => line !== "").join("\n") + "\n";
}

async function copy(button) {
  const article = button.closest(".table"), status = article.querySelector("[role=status]");
  const text = asText(article, button.dataset.form);
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a file has no clipboard in some browsers: the old way has
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  status.textContent = `copied ${button.textContent}`;
}

for (const button of all("button.sort")) button.addEventListener("click", () => sortBy(button));
for (const button of all(".copy button")) button.addEventListener("click", () => copy(button));
for (const form of all("form")) form.addEventListener("submit", (event) => event.preventDefault());
for (const form of all(".filter")) form.addEventListener("input", () => filterTables(form));

// Charts: drawn when they come into sight, and again when something about them changes.

const theme = () => {
  const ink = dark.matches ? "#ececec" : "#1a1a1a", line = dark.matches ? "#3d3d3d" : "#e3e3e3";
  return {
    background: "transparent", font: "system-ui, sans-serif", view: { stroke: null }, text: { color: ink },
    rule: { color: ink },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: ink, tickColor: ink, labelFontSize: 12, titleFontSize: 12 },
  };
};
const inked = (color) => (dark.matches && color === "#000000" ? "#ffffff" : color);

/** Trailing means of a share of the curve, as the reports' pictures have them; as it is at a share of none. */
function smoothed({ loss: values, step, least }, share, starts) {
  const window = share === 0 ? 1 : Math.max(least, Math.round((values.length * share) / 100));
  const stage = (place) => starts.filter((start) => step[place] > start).length;
  return values.map((value, place) => {
    const from = Math.max(0, place - window + 1), own = [];
    for (let at = from; at <= place; at += 1) if (values[at] !== null && stage(at) === stage(place)) own.push(values[at]);
    return value === null || own.length === 0 ? null : own.reduce((sum, one) => sum + one, 0) / own.length;
  });
}

function scaled(spec, channel, scale, title) {
  for (const layer of spec.layer) {
    const encoded = layer.encoding[channel];
    if (encoded) Object.assign(encoded, { scale: { ...encoded.scale, ...scale }, ...(title ? { title } : {}) });
    if (encoded && scale.type === "log") delete encoded.scale.zero;
  }
}

/** Without the layers that have nothing to draw, which Vega would warn of. */
function filled(spec) {
  const holds = (layer) => spec.datasets[layer.data.name].length > 0;
  return { ...spec, layer: spec.layer.filter((layer) => !layer.data || !layer.data.name || holds(layer)) };
}

function curvesSpec(article) {
  const form = article.querySelector("form"), panel = numbers.panels[article.dataset.index];
  const chart = panel.charts[form.kind.value], shown = new Set(all(".legend input:checked", article).map((box) => box.value));
  const names = new Set(panel.charts[0].curves.filter((_, place) => shown.has(String(place))).map((curve) => curve.label));
  const own = chart.curves.filter((curve) => names.has(curve.label)), share = Number(form.smoothing.value);
  const isDifference = chart.name === "difference";
  const rows = own.flatMap((curve) => {
    const loss = smoothed(curve, share, panel.starts), look = { run: curve.label, color: inked(curve.color), dash: curve.dash, width: curve.width + 0.5 };
    return loss.map((value, place) => ({
      ...look, step: curve.step[place], loss: value,
      low: curve.band ? curve.band[0][place] : value, high: curve.band ? curve.band[1][place] : value,
    })).filter((row) => row.loss !== null);
  });
  const published = own.filter((curve) => curve.published).flatMap((curve) => curve.published[0].map((step, place) => ({
    run: `${curve.label} (published)`, color: inked(curve.color), step, loss: curve.published[1][place],
  })));
  const spec = structuredClone(numbers.specs.curves);
  spec.datasets = { curves: rows, published, starts: panel.starts.map((step) => ({ step })) };
  form.log.disabled = isDifference;
  const log = form.log.checked && !isDifference && chart.low > 0;
  const domain = chart.low === null ? {} : { domain: [chart.low, chart.high], nice: false };
  scaled(spec, "y", { ...domain, type: log ? "log" : "linear" }, isDifference ? "loss minus the baseline's" : chart.name);
  if (isDifference) spec.layer.unshift({ data: { values: [{ zero: 0 }] }, mark: "rule", encoding: { y: { field: "zero", type: "quantitative" } } });
  return filled(spec);
}

function tradeOffsSpec(article) {
  const form = article.querySelector("form"), found = numbers.trade_offs[article.dataset.index];
  const [score, cost] = [form.score.value, form.cost.value];
  const axes = found.axes.find((one) => one.score === score && one.cost === cost);
  const spec = structuredClone(numbers.specs.trade_offs), rows = [];
  found.networks.forEach((network, place) => {
    if (!(score in network.scores && cost in network.costs)) return;
    const about = { network: network.label, cost: network.costs[cost], color: network.color, shape: network.shape };
    rows.push({ ...about, kind: "measured", score: network.scores[score], front: Boolean(axes) && axes.front.includes(place) });
    if (score in network.published) rows.push({ ...about, kind: "published", score: network.published[score], front: false });
  });
  spec.datasets = { measured: rows.filter((row) => row.kind === "measured"), published: rows.filter((row) => row.kind === "published"), front: rows.filter((row) => row.front) };
  scaled(spec, "x", { type: form.log.checked ? "log" : "linear", nice: false, padding: 60 }, cost);
  scaled(spec, "y", { padding: 20 }, `${score} ${axes && axes.higher_is_better ? "(higher is better)" : "(lower is better)"}`);
  article.querySelector(".front").textContent = axes
    ? `On the front: ${axes.front.map((place) => found.networks[place].label).join(", ")}.`
    : "Fewer than two networks have both.";
  return filled(spec);
}

/** What is told of a point: a run with its step and loss, or what a chart names itself. */
function told(value, sanitize) {
  const rows = "run" in value
    ? [["run", value.run], ["step", Number(value.step).toLocaleString("en")], ["loss", Number(value.loss).toPrecision(6)]]
    : Object.entries(value);
  return `<table>${rows.map(([name, text]) => `<tr><td>${sanitize(name)}</td><td>${sanitize(text)}</td></tr>`).join("")}</table>`;
}

async function draw(article) {
  const spec = article.dataset.chart === "curves" ? curvesSpec(article) : tradeOffsSpec(article);
  const drawn = await window.vegaEmbed(article.querySelector(".plot"), spec, {
    actions: false, renderer: "canvas", config: theme(), tooltip: { theme: dark.matches ? "dark" : "light", formatTooltip: told },
  });
  if (article.view) article.view.finalize();
  article.view = drawn.view;
  article.dataset.drawn = "true";
}

const charts = all("article.chart");
const sight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting && !target.dataset.drawn) draw(target);
  }
}, { rootMargin: "200px" });
for (const article of charts) {
  sight.observe(article);
  const form = article.querySelector("form");
  if (article.dataset.chart === "curves") form.log.checked = numbers.panels[article.dataset.index].charts[0].log;
  article.addEventListener("input", () => {
    const output = form.querySelector("output");
    if (output) output.textContent = `${form.smoothing.value} %`;
    draw(article);
  });
}
dark.addEventListener("change", () => charts.filter((article) => article.dataset.drawn).forEach(draw));
window.addEventListener("beforeprint", () => charts.filter((article) => !article.dataset.drawn).forEach(draw));

// Crops: the zoom of all, and two of them under each other with a border that moves.

for (const select of all("#crops select[name=zoom]")) {
  select.addEventListener("change", () => document.getElementById("crops").style.setProperty("--zoom", select.value));
}
for (const article of all("article.crops")) {
  const images = all(".grid img", article), [left, right] = all(".compare select", article);
  const names = images.map((image) => image.closest("figure").querySelector("figcaption").firstChild.textContent);
  for (const select of [left, right]) select.append(...names.map((name, place) => new Option(name, place)));
  right.value = Math.max(0, images.length - 1);
  const show = () => {
    for (const [select, picture] of [[left, ".under"], [right, ".over"]]) {
      const image = article.querySelector(picture);
      if (images.length) Object.assign(image, { src: images[select.value].src, alt: names[select.value] });
    }
  };
  const border = article.querySelector("input[name=border]");
  border.addEventListener("input", () => article.querySelector(".over").style.setProperty("--border", `${border.value}%`));
  for (const select of [left, right]) select.addEventListener("change", show);
  show();
}
