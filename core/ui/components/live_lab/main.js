/* The live lab: weights, figures, curve and the results of one query that follow the thumb.
 *
 * The view (view.js) knows nothing of Streamlit or of a server. Whoever mounts it brings three things:
 *
 *   const lab = new LabView(root, { engine, host });   // root: an empty element, in a shadow root or not
 *   lab.update(data);                                   // again whenever data changes; elements are kept
 *   lab.destroy();
 *
 * data {
 *   stamp       what the engine answers for, any text; another one means another dataset, strategy or baseline
 *   backbones   [{ name, label, colour }]
 *   weights     [share of each backbone], together 1;  locked: [boolean], may be left out
 *   metrics     [{ key, label, help }], none without labels: answers then bring results alone
 *   metric      position of the one that bars, change and verdict speak of
 *   systems     [{ label, colour, role, means, lows, highs }]  the other bars; a number per metric (null: undefined),
 *               left out where answers bring `systems`. role: "backbone", "equal", "baseline", "oracle"; the fusion
 *               itself is not among them
 *   baseline    { label, means, curve: [11], ids, relevance }  what changes are shown against; ids: positions of its
 *               results of the query, best first; means left out where answers bring `changes`. null: there is none
 *   colour      of the fusion, may be left out
 *   query       { id, src, name, label }  the query image; id: its position, as the engine takes it
 *   k           results shown
 *   answer      an Answer in plain arrays, for the first paint; null: the engine is asked for it
 *   live        false: the engine is too slow for a drag and is asked when the thumb is let go
 *   canUndo, canRedo, canPickTwo   whether these buttons do anything (with a host; without one the view knows)
 *   echo        how many of the host's `released` are in these weights: older ones push back no newer drag; may be
 *               left out
 *   words       every sentence of the view, by the names in words.js
 * }
 *
 * engine {
 *   update(request) -> Promise<Answer | null>   null: a newer request took its place (`latestWins` of latest_wins.js
 *                                               makes that of any function that answers one request after another)
 *   item(id) -> { src, large, name, label, facts }   of any position that an answer named: addresses of a thumbnail
 *                                               and of a larger image, and [name, value] pairs; both may be left out
 *   destroy()
 * }
 * request { names of the backbones, weights: [share], query: position, metric: position, k }
 *
 * Answer {
 *   weights     as asked, together 1
 *   means, lows, highs   per metric, NaN where undefined (Float64Array; plain arrays in data.answer, null for NaN)
 *   change      { mean, low, high, p }  of the metric that was asked for, fusion less the best single backbone, p after
 *               Holm; null where the fusion is that backbone alone
 *   changes     per metric, the mean less the baseline's on the same queries; may be left out
 *   systems     mean, low and high of each of data.systems in the metric that was asked for, row by row; may be left
 *               out
 *   gain        true where the fusion is shown to be better
 *   verdict     the sentence for people
 *   curve       interpolated precision at recall 0, 0.1 ... 1
 *   ids, scores, relevance   of the k results, best first: positions, scores, and 1 relevant, 0 not, 2 nobody knows
 *   shares      k × backbones, row by row: each backbone's part in a result's score, together 1; NaN: not to be known
 *   ranks, cosines   k × backbones: each backbone's own rank (0: none, -1: not worked out) and score of a result, NaN
 *               where it has no say; may be left out
 *   note        one line: what these figures rest on, exact or a sample; may be left out
 *   live        false: it cannot keep up with a thumb, and is asked when that is let go from now on; may be left out
 *   milliseconds   what the engine needed
 * }
 *
 * host (each may be left out; the view then does what it can by itself, as in a report)
 *   released(weights)   the thumb was let go: the weights stay. lab.sent counts them
 *   locked(names)       the backbones that are locked now
 *   act(name)           "undo", "redo", "reset", "two"; without a host the view keeps its own history, and "two" is
 *                       half each for the two best backbones of data.systems
 *   picked(id)          a result was clicked: it is the query now
 *   why(id)             why a result matched was asked; without it no card offers it
 *   chose(metric)       the position of the metric whose tile was clicked
 *
 * While weights move the view also says so to the page (`announceWeights` of weights_event.js): a landscape beside it
 * moves its point, and asks for weights by the same way.
 *
 * Style: lab.css, which reads Streamlit's theme variables (--st-text-color, --st-background-color,
 * --st-secondary-background-color, --st-primary-color, --st-font); another page sets them itself. With the style
 * shared/large_card.css a hovered result opens beside itself.
 */

import { SocketEngine } from "./socket_engine.js";
import { LabView } from "./view.js";

export default function (component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  let mounted = parentElement.liveLab;
  if (!mounted) {
    mounted = parentElement.liveLab = { engine: new SocketEngine() };
    const host = {
      released: (weights) => mounted.setState("weights", { weights, number: mounted.lab.sent }),
      locked: (names) => mounted.setState("locked", names),
      act: (name) => mounted.setTrigger("act", name),
      picked: (id) => mounted.setTrigger("picked", id),
      why: (id) => mounted.setTrigger("why", id),
      chose: (metric) => mounted.setTrigger("metric", metric),
    };
    mounted.lab = new LabView(parentElement.querySelector(".lab"), { engine: mounted.engine, host });
  }
  mounted.setState = setStateValue;
  mounted.setTrigger = setTriggerValue;
  mounted.engine.connect(data);
  mounted.lab.update(data);
  return () => {
    mounted.lab.destroy();
    delete parentElement.liveLab;
  };
}
