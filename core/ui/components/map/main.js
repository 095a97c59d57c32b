/* The map: points that can be panned, zoomed, hovered, lassoed and that travel when their positions change.
 *
 * Plain JavaScript, WebGL2 where there is one, a 2-D canvas where there is none. Streamlit calls the default export
 * again whenever the data changes; the view of one element lives on between the calls. Large parts (ids, positions,
 * colours) come once, under a hash; a part that is wanted and not here is requested with the trigger "missing".
 */

import { MapView } from "./view.js";

export default function (component) {
  const { parentElement } = component, root = parentElement.querySelector(".fs-map");
  let view = root ? root.view : null;
  if (!(view instanceof MapView)) {
    if (view) view.destroy(); // made by an older version of this script, while the app was being changed
    view = new MapView(parentElement);
  }
  view.update(component);
  return () => view.destroy();
}
