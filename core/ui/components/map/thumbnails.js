/* The images of the points, loaded when they are wanted, a few at a time. */

const MAX_LOADING = 16;
const MAX_IMAGES = 1500;

export class Thumbnails {
  /* addressOf(i): where a point's image is; onLoad(): called after each image that came or failed. */
  constructor(addressOf, onLoad) {
    this.addressOf = addressOf;
    this.onLoad = onLoad;
    this.images = new Map(); // position -> { image, ready }
    this.loading = 0;
  }

  clear() { this.images.clear(); }

  /* The image of a point, or null while it is not there; asking for it starts to load it. */
  get(i) {
    const entry = this.images.get(i);
    if (entry) return entry.ready ? entry.image : null;
    if (this.loading < MAX_LOADING) this.load(i);
    return null;
  }

  load(i) {
    const image = new Image(), entry = { image, ready: false };
    this.loading++;
    this.images.set(i, entry);
    if (this.images.size > MAX_IMAGES) this.images.delete(this.images.keys().next().value);
    const finish = (ready) => {
      entry.ready = ready;
      this.loading--;
      this.onLoad();
    };
    image.onload = () => finish(true);
    image.onerror = () => finish(false);
    image.src = this.addressOf(i);
  }
}

/* The address of a point's image: a template with {key}, {position} or {id} in it, filled in. */
export function imageAddress(template, points, i) {
  return template
    .replace("{key}", points.contentKey(i))
    .replace("{position}", String(i))
    .replace("{id}", encodeURIComponent(points.ids[i]));
}
