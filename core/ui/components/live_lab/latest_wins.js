/* One request on its way and one waiting: the newest takes the place of the one that waits. */

/* Args:
 *   ask: request -> Promise<answer>; called again only after its last answer came, or failed.
 * Returns: request -> Promise<answer | null>, null for a request whose place was taken.
 */
export function latestWins(ask) {
  let waiting = null, isBusy = false;

  async function next() {
    if (isBusy || !waiting) return;
    const { request, resolve, reject } = waiting;
    waiting = null;
    isBusy = true;
    try {
      resolve(await ask(request));
    } catch (error) {
      reject(error);
    }
    isBusy = false;
    next();
  }

  return (request) => new Promise((resolve, reject) => {
    if (waiting) waiting.resolve(null);
    waiting = { request, resolve, reject };
    next();
  });
}
