/* A card of the grid: an image with its meaning. */

import { element } from "../shared/dom.js";

const FRAMES = { relevant: "relevant", not: "not relevant", unknown: "relevance unknown", query: "the query" };
const MARKS = { relevant: " ✓", not: " ✕" }; // what the colour of the frame says, for those who do not see it

/* Places gained or lost against the other list, as text and as a sentence. */
function moveText(move) {
  if (move === "new") return ["new", "new in this list"];
  if (move > 0) return ["▲ " + move, "up " + move + " places"];
  if (move < 0) return ["▼ " + -move, "down " + -move + " places"];
  return ["=", "same place"];
}

function moveBadge(move) {
  const [text, title] = moveText(move), direction = move === "new" || move > 0 ? "up" : move < 0 ? "down" : "";
  const badge = element("span", "move " + direction, text);
  badge.title = title;
  return badge;
}

/* Build a card anew; pick: what a click does, in words, or nothing; why: what asks why it matched, or nothing. */
export function fillCard(card, data, pick, why) {
  card.replaceChildren();
  card.className = "card frame-" + (data.frame || "none");
  card.dataset.id = data.id;
  card.setAttribute("aria-label", describe(data) + (pick ? ". " + pick : "") + (why ? ". W: " + why : ""));
  const picture = element("span", "picture");
  const image = element("img");
  image.alt = "";
  image.loading = "lazy";
  image.decoding = "async";
  image.draggable = false;
  image.addEventListener("error", () => {
    picture.classList.add("missing");
    picture.dataset.text = data.src ? "no image" : data.title || data.id;
  });
  image.src = data.src || "";
  picture.append(image);
  const rank = `${data.rank ?? ""}${MARKS[data.frame] ?? ""}`;
  if (rank) picture.append(element("span", "rank", rank));
  if (data.move !== undefined) picture.append(moveBadge(data.move));
  if (why) picture.append(element("span", "why", why));
  card.append(picture);
  if (data.shares) card.append(shareBar(data.shares));
  if (data.label || data.score !== undefined) {
    const caption = element("span", "caption");
    caption.append(element("span", "label", data.label || ""));
    if (data.score !== undefined) caption.append(element("span", "score", data.score));
    card.append(caption);
  }
  if (data.note) card.append(element("span", "note", data.note));
}

/* A card in words, for screen readers. */
function describe(data) {
  const rank = data.rank !== undefined ? "rank " + data.rank : "";
  const score = data.score !== undefined ? "score " + data.score : "";
  const name = data.label || data.title || data.id;
  return [rank, name, FRAMES[data.frame] || "", score, data.note || ""].filter(Boolean).join(", ");
}

/* How much each backbone adds to the score. */
function shareBar(shares) {
  const bar = element("span", "shares");
  for (const [name, share, colour] of shares) {
    const part = element("span");
    part.style.flexGrow = Math.max(share, 0);
    part.style.background = colour;
    part.title = name + " " + Math.round(share * 100) + " %";
    bar.append(part);
  }
  return bar;
}
