/* The sentences of the live lab, by name; {names} in them are filled in. Whoever mounts it brings all of them,
   and "why" (asks why a result matched) where its host answers that. */

export const NAMES = [
  "equal", "equal_help", "two", "two_help", "reset", "reset_help", "undo", "undo_help", "redo", "redo_help",
  "lock", "unlock", // {name} of a backbone
  "this_fusion", // its bar
  "no_change", // a metric that equals the baseline's
  "change_help", // {baseline}
  "curve", "recall", "precision", // of the curve: for screen readers, and its axes
  "query", // {name} of the query image, over the results
  "before", // {baseline}, over its results
  "results", // heading
  "pick", // what a click on a result does
  "result", // a result for screen readers: {rank} {name} {relevance} {score}
  "relevance_yes", "relevance_no", "relevance_unknown",
  "new_result", // a result that the baseline does not have
  "on_release", // the note where figures wait for the thumb to be let go
  "lost", // the connection to the engine is lost
];

/* The names of sentences that are missing; none when all are there. */
export function missingWords(words) {
  return NAMES.filter((name) => typeof words[name] !== "string");
}
