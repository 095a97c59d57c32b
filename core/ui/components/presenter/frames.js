/* The live pages of the steps, each in a frame of its own: opened when they are needed or will be, kept while few. */

const NARROWEST = 1160, WIDEST = 1400;  // CSS pixels of a page: it is drawn as much larger as the screen is wider
const MOST = 6;
const LOOK = 150, SETTLES = 450, PATIENCE = 20_000;

/* Whether the page in a frame has been drawn. */
function isDrawn(frame) {
  const page = frame.contentDocument, app = page?.querySelector("[data-testid=stApp]");
  if (app?.dataset.testScriptState !== "notRunning") return false;
  return Boolean(page.querySelector("[data-testid=stMain] [data-testid=stElementContainer]"));
}

/* How much of a window a page fills, in its own pixels. */
function heightOf(frame) {
  return frame.contentDocument?.querySelector("[data-testid=stMain] .block-container")?.scrollHeight ?? 0;
}

export class Frames {
  /* addresses: of the steps; onKey: hears the keys of every page, whoever has the focus;
     onReady(number): a page is drawn. */
  constructor(stage, addresses, onKey, onReady) {
    Object.assign(this, { stage, addresses, onKey, onReady, shown: -1 });
    this.open = new Map();
    new ResizeObserver(() => this.fit()).observe(stage);
  }

  isReady(number) {
    return this.open.get(number)?.classList.contains("ready") ?? false;
  }

  /* The frame of a step, opened if it is not. */
  of(number) {
    if (this.open.has(number)) return this.open.get(number);
    const frame = document.createElement("iframe");
    frame.title = `${number + 1}`;
    frame.addEventListener("load", () => {
      frame.contentWindow.addEventListener("keydown", this.onKey, true);
      this.watch(number, frame);
    });
    frame.src = this.addresses[number];
    this.stage.append(frame);
    this.open.set(number, frame);
    this.size(frame);
    this.drop(number);
    return frame;
  }

  watch(number, frame) {
    const began = performance.now();
    const look = () => {
      if (this.open.get(number) !== frame) return;
      if (!isDrawn(frame) && performance.now() - began < PATIENCE) return void setTimeout(look, LOOK);
      setTimeout(() => {
        frame.wanted = heightOf(frame);
        this.size(frame);
        frame.classList.add("ready");
        this.onReady(number);
      }, SETTLES);
    };
    look();
  }

  /* What the answer of a page says now, "" where it has none. */
  answerOf(number) {
    const line = this.open.get(number)?.contentDocument?.querySelector("[data-testid=stMain] [class*=st-key-answer] p");
    return line?.textContent ?? "";
  }

  /* The frame furthest from the one on show goes, where there are many. */
  drop(number) {
    if (this.open.size <= MOST) return;
    const far = [...this.open.keys()].filter((other) => other !== number && other !== this.shown)
      .sort((a, b) => Math.abs(b - this.shown) - Math.abs(a - this.shown))[0];
    this.open.get(far).remove();
    this.open.delete(far);
  }

  show(number) {
    this.shown = number;
    const frame = this.of(number);
    for (const other of this.open.values()) other.classList.toggle("shown", other === frame);
    return frame;
  }

  fit() {
    for (const frame of this.open.values()) this.size(frame);
  }

  size(frame) {
    const { clientWidth: width, clientHeight: height } = this.stage;
    const largest = Math.max(1, width / NARROWEST), smallest = Math.max(Math.min(1, width / NARROWEST), width / WIDEST);
    const fitting = frame.wanted ? height / frame.wanted : largest;
    // What would not fit anyway scrolls, large; what nearly fits is drawn just as large as it fits.
    const scale = fitting < smallest ? largest : Math.min(largest, fitting);
    Object.assign(frame.style, {
      width: `${width / scale}px`, height: `${height / scale}px`, transform: `scale(${scale})`,
    });
  }
}
