// The playable part of a report: opens the engine on what the file holds, then the live lab, and what goes with it.

import { LabView } from "../../../ui/components/live_lab/view.js";
import { element } from "../../../ui/components/shared/dom.js";
import { CasesView } from "./cases_view.js";
import { MapView } from "./map_view.js";
import { PrincipalAxes } from "./principal_axes.js";
import { ReportEngine } from "./report_engine.js";
import { SystemsView } from "./systems_view.js";
import { shared, WorkerEngine } from "./worker_engine.js";

const RESTS = 250;
const byId = (id) => document.getElementById(id);

// The address of each image, from the rules of the sheet that the text uses too.
function sources() {
  const addresses = new Map();
  for (const { selectorText, style } of byId("thumbnails").sheet.cssRules) {
    addresses.set(Number(selectorText.slice(2)), style.backgroundImage.slice(5, -2));
  }
  return addresses;
}

function labRoot() {
  const inside = byId("lab").attachShadow({ mode: "open" });
  const style = element("style");
  style.textContent = byId("lab-style").textContent;
  const root = element("div", "lab");
  inside.append(style, root);
  return root;
}

// What the view takes (core/ui/components/live_lab/main.js), with figures that this engine gave.
function labData(page, engine, systems) {
  const best = engine.bestSingle;
  const single = engine.singles[best];
  return {
    stamp: page.stamp,
    backbones: engine.record.backbones.map(({ name, label, colour }) => ({ name, label, colour })),
    weights: page.start,
    metrics: page.metrics,
    metric: 0,
    systems: engine.singles.map(({ means, lows, highs }, m) => {
      const { label, colour } = engine.record.backbones[m];
      return { label, colour, role: "backbone", means, lows, highs };
    }).concat(systems),
    baseline: {
      label: engine.record.backbones[best].label, means: single.means, curve: single.curve, ids: [], relevance: [],
    },
    query: null,
    k: page.k,
    answer: null,
    live: true,
    words: page.words,
  };
}

async function open() {
  const began = performance.now();
  const record = JSON.parse(byId("live-record").textContent);
  const { page } = record;
  const engine = await WorkerEngine.open(record, byId("live-worker").textContent);
  const reportEngine = new ReportEngine(engine, page, sources());
  const equal = await engine.update(shared(page.start.map(() => 1)), -1, 0);
  const bar = { label: page.words.equal_mix, colour: "#8a93a3", role: "equal", ...equal };
  let data = labData(page, engine, [bar]);
  const alone = page.start.map((_, m) => (m === engine.bestSingle ? 1 : 0));
  const pick = async (image) => {
    if (!reportEngine.queryOf.has(image)) return;
    const [{ results, nRelevant }] = await engine.lists(alone, [reportEngine.queryOf.get(image)], page.k);
    const relevance = results.map((result) => reportEngine.relevance(result, nRelevant > 0));
    const before = { ids: results.map(({ item }) => item), relevance };
    const query = { id: image, ...reportEngine.item(image) };
    data = { ...data, query, baseline: { ...data.baseline, ...before }, weights: lab.weights || data.weights };
    lab.update(data);
    map.choose(image);
  };
  const axes = await PrincipalAxes.open(record.map, record.nGallery);
  const host = { picked: pick, chose: (metric) => { data.metric = metric; } };
  const lab = new LabView(labRoot(), { engine: reportEngine, host });
  const systems = new SystemsView(byId("live-systems"), page, (weights) => {
    lab.put(weights.slice());
    byId("live").scrollIntoView({ block: "start" });
  });
  const cases = new CasesView(byId("live-cases"), reportEngine, pick);
  const map = new MapView(byId("live-map"), reportEngine, axes, pick);
  let resting = 0;
  reportEngine.onAnswer((answer) => {
    systems.paint(answer);
    map.paint(answer);
    clearTimeout(resting);
    resting = setTimeout(() => cases.paint(answer), RESTS);
  });
  await pick(page.firstQuery);
  byId("live").classList.add("open");
  byId("live-state").textContent = page.words.state.replace("{where}", engine.where);
  document.documentElement.dataset.ready = Math.round(performance.now() - began);
  window.playable = { engine, reportEngine, lab, pick };
  const figures = [];
  for (const system of page.systems) {
    figures.push(system.weights ? (await engine.figures(shared(system.weights), -1, 0)).means : null);
  }
  systems.fill(figures);
}

open().catch((error) => {
  byId("live-state").textContent = String(error.message || error);
  throw error;
});
