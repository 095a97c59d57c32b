/* One map on one canvas: what is not seen is darkened, the rest tinted by what each cell adds or takes. */

export function paint(canvas, side, opacity, colours) {
  const pen = canvas.getContext("2d"), { width, height } = canvas;
  pen.clearRect(0, 0, width, height);
  if (!side || !side.rows) return;
  const [left, top, right, bottom] = side.box.map((edge, at) => edge * (at % 2 ? height : width));
  pen.globalAlpha = 1;
  pen.fillStyle = `rgba(0, 0, 0, ${colours.dark})`;
  pen.fillRect(0, 0, width, height);
  pen.clearRect(left, top, right - left, bottom - top);
  pen.globalAlpha = opacity;
  pen.imageSmoothingEnabled = true;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(tinted(side, colours), left, top, right - left, bottom - top);
}

/* A canvas of one pixel a cell. */
function tinted({ rows, columns, cells }, { warm, cold }) {
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows;
  const pen = small.getContext("2d"), image = pen.createImageData(columns, rows), bytes = atob(cells);
  for (let at = 0; at < rows * columns; at++) {
    const value = (bytes.charCodeAt(at) << 24) >> 24; // one signed byte
    const [red, green, blue] = value > 0 ? warm : cold;
    image.data.set([red, green, blue, Math.min(255, Math.abs(value) * 2)], at * 4);
  }
  pen.putImageData(image, 0, 0);
  return small;
}
