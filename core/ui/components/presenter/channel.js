/* What the windows of one story say to each other within a browser. */

/* story: its record; hear(message): what another window said. */
export function channelOf(story, hear) {
  const channel = new BroadcastChannel(`story ${story.address}`);
  channel.addEventListener("message", (event) => hear(event.data ?? {}));
  return channel;
}
