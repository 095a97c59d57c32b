/* The window of whoever presents: what is shown, what to say, what comes next, the time; it follows and leads. */

import { actionOf } from "./keys.js";
import { channelOf } from "./channel.js";

const story = JSON.parse(document.getElementById("story").textContent);
const find = (name) => document.querySelector(`[data-shows=${name}]`);
const last = story.steps.length - 1;
let at = -1, began = Date.now();

const channel = channelOf(story, (message) => {
  if (Number.isInteger(message.shown)) show(message.shown);
});

function show(number) {
  at = Math.min(Math.max(number, 0), last);
  if (at < 0) return void (find("title").textContent = story.words.no_steps);
  const step = story.steps[at], next = story.steps[at + 1];
  find("title").textContent = step.title;
  find("sentence").textContent = step.sentence;
  find("notes").textContent = step.notes || story.words.no_notes;
  find("notes").classList.toggle("none", !step.notes);
  find("next").textContent = next ? next.title : story.words.last;
  find("after").textContent = next?.sentence ?? "";
  find("count").textContent = story.words.number.replace("{number}", at + 1).replace("{count}", last + 1);
  find("main").scrollTop = 0;
}

/* The screen is led to a step; where there is none, this window turns alone. */
function go(number) {
  show(number);
  channel.postMessage({ at });
}

function tick() {
  const now = new Date(), seconds = Math.floor((now - began) / 1000);
  find("clock").textContent = now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  find("elapsed").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const DO = {
  next: () => go(at + 1),
  previous: () => go(at - 1),
  first: () => go(0),
  last: () => go(last),
  blank: () => channel.postMessage({ does: "blank" }),
  again: () => { began = Date.now(); tick(); },
  close: () => window.close(),
};

document.addEventListener("keydown", (event) => {
  const action = actionOf(event);
  if (!(action in DO)) return;
  event.preventDefault();
  DO[action]();
});
for (const button of document.querySelectorAll("[data-does]"))
  button.addEventListener("click", () => { DO[button.dataset.does](); button.blur(); });

show(Number(window.location.hash.slice(1)) - 1 || 0);
tick();
setInterval(tick, 1000);
channel.postMessage({ asks: true });
