/* Presents a story: one step after another, each with its title, its sentence and its live page. */

import { Frames } from "./frames.js";
import { actionOf } from "./keys.js";
import { channelOf } from "./channel.js";

const story = JSON.parse(document.getElementById("story").textContent);
const find = (selector) => document.querySelector(selector);
const [title, sentence, waits, count] = ["h1", "header p", ".waits", "output"].map(find);
const last = story.steps.length - 1;
let at = -1, asked = false, turning = false;

const frames = new Frames(find("main"), story.steps.map((step) => step.address), onKey, (number) => {
  if (number === at) drawn();
});

/* The page on show is there: its own words stand once, and the next one is opened ahead of its time. */
function drawn() {
  wait("");
  sentence.hidden = same(frames.answerOf(at), story.steps[at].sentence);
  if (at < last) frames.of(at + 1);
}

function same(one, other) {
  const bare = (words) => words.replace(/[\s\u200b]+/g, " ").trim();
  return bare(other) !== "" && bare(one) === bare(other);
}

function wait(words) {
  waits.textContent = words;
}

function go(number) {
  if (last < 0) {
    title.textContent = story.name;
    return wait(story.words.no_steps);
  }
  number = Math.min(Math.max(number, 0), last);
  if (number === at) return;
  at = number;
  const step = story.steps[at];
  title.textContent = step.title;
  sentence.textContent = step.sentence;
  count.textContent = story.words.number.replace("{number}", at + 1).replace("{count}", last + 1);
  find(".progress").style.width = `${(100 * (at + 1)) / (last + 1)}%`;
  history.replaceState(null, "", `#${at + 1}`);
  frames.show(at);
  sentence.hidden = false;
  wait(story.words.loading);
  if (frames.isReady(at)) drawn();
  if (!find("main").contains(document.activeElement)) document.body.focus();
  channel.postMessage({ shown: at });
}

/* What the presenter's own window asks for. */
const channel = channelOf(story, (message) => {
  if (message.asks) channel.postMessage({ shown: at });
  else if (message.does === "blank") DO.blank();
  else if (Number.isInteger(message.at)) go(message.at);
});

/* The notes in a window of their own, for another screen; a browser ends full screen for it. */
function openNotes() {
  if (!story.notes) return;
  turning = Boolean(document.fullscreenElement);
  window.open(`${story.notes}#${at + 1}`, `notes ${story.address}`, "popup,width=900,height=680");
}

const DO = {
  next: () => go(at + 1),
  previous: () => go(at - 1),
  first: () => go(0),
  last: () => go(last),
  notes: openNotes,
  blank: () => document.body.classList.toggle("blank"),
  screen: toggleScreen,
  close: () => { window.location.href = story.back; },
};

function onKey(event) {
  if (event.defaultPrevented) return;
  const action = actionOf(event);
  if (!action) return;
  event.preventDefault();
  event.stopPropagation();
  if (action !== "blank") document.body.classList.remove("blank");
  if (action === "next" || action === "previous") fillScreen();
  DO[action]();
}

/* The first key fills the screen; a browser allows it to somebody's hand alone. */
function fillScreen() {
  if (asked || document.fullscreenElement) return;
  asked = true;
  document.documentElement.requestFullscreen?.().catch(() => {});
}

function toggleScreen() {
  asked = true;
  turning = Boolean(document.fullscreenElement);
  if (turning) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

document.addEventListener("fullscreenchange", () => {
  if (document.fullscreenElement) return;
  if (!turning) DO.close();  // Esc: the browser keeps that key to itself
  turning = false;
});
document.addEventListener("keydown", onKey);
for (const button of document.querySelectorAll("[data-does]"))
  button.addEventListener("click", () => { DO[button.dataset.does](); button.blur(); });
window.addEventListener("hashchange", () => go(Number(window.location.hash.slice(1)) - 1 || 0));

go(Number(window.location.hash.slice(1)) - 1 || 0);
