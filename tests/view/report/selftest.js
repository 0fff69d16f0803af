/* Uses a report as a reader would, and writes what came of it into the page. Only the tests put it
   there. `report` is the page's own scope: its functions are global. */
const said = { errors: window.pageErrors };
const byId = (name) => document.getElementById(name);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(holds) {
  for (let k = 0; k < 300 && !holds(); k++) await wait(10);
  return holds();
}

function hash(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 2166136261;
  for (const value of data) sum = Math.imul(sum ^ value, 16777619) >>> 0;
  return sum;
}

/* The canvas after something was done to it, once the drawing is finished. */
async function after(doing) {
  const picture = byId("picture");
  const drawn = () => Number(picture.dataset.drawn || 0);
  const before = drawn();
  doing();
  await until(() => drawn() > before);
  await wait(60);
  return hash(picture);
}

const key = (name) => () =>
  byId("picture").dispatchEvent(new KeyboardEvent("keydown", { key: name, cancelable: true }));

function pointer(kind, id, x, y) {
  const box = byId("picture").getBoundingClientRect();
  byId("picture").dispatchEvent(new PointerEvent(kind, {
    pointerId: id, clientX: box.left + x, clientY: box.top + y, button: kind === "pointermove" ? -1 : 0,
  }));
}

function set(name, value) {
  byId(name).value = value;
  byId(name).dispatchEvent(new Event("input"));
}

async function useThePicture() {
  await until(() => Number(byId("picture").dataset.drawn || 0) > 0);
  await wait(60);
  const start = hash(byId("picture"));
  const box = byId("picture").getBoundingClientRect();
  const steps = {
    "arrow key": key("ArrowLeft"),
    "plus": key("+"),
    "minus": key("-"),
    "wheel": () => byId("picture").dispatchEvent(new WheelEvent("wheel", {
      deltaY: -240, clientX: box.left + 100, clientY: box.top + 80, cancelable: true,
    })),
    "drag": () => { pointer("pointerdown", 1, 50, 50); pointer("pointermove", 1, 90, 70); pointer("pointerup", 1, 90, 70); },
    "pinch": () => {
      pointer("pointerdown", 1, 100, 100); pointer("pointerdown", 2, 140, 100);
      pointer("pointermove", 2, 220, 100); pointer("pointerup", 1, 100, 100); pointer("pointerup", 2, 220, 100);
    },
    "all": key("0"), // from a place without emitters, where nothing more would change
    "zoom button": () => byId("zoom-in").click(),
    "colours": () => set("colours", "viridis"),
    "contrast": () => set("bright-at", "10"),
    "gamma": () => set("gamma", "80"),
    "points": () => set("drawn-as", "points"),
    "probability": () => set("least-prob", "90"),
    "error": () => set("worst-error", "50"),
  };
  const seen = {};
  let last = start;
  for (const [name, doing] of Object.entries(steps)) {
    const now = await after(doing);
    seen[name] = { changed: now !== last, bar: byId("scale-bar").textContent, inView: byId("in-view").textContent };
    last = now;
  }
  set("colours", "hot"); set("bright-at", "46"); set("gamma", "50"); set("drawn-as", "errors");
  set("least-prob", "0"); set("worst-error", "100");
  said.back = (await after(key("0"))) === start;
  said.steps = seen;
}

/* What the page unpacks and adds up, for comparison with what Python has. */
function lookInside() {
  const data = JSON.parse(byId("picture-data").textContent);
  const spots = unpacked(data);
  const [x0, x1, y0, y1] = data.field;
  const n = 64, scale = (x1 - x0) / n;
  const choice = { leastProb: 0, worstError: 255, points: false };
  const drawAt = (x, y, fine) => {
    const job = drawing(spots, { x, y, scale: fine }, n, n, choice);
    job.more(Infinity);
    return Array.from(job.sums);
  };
  said.x = Array.from(spots.x).map((step) => data.first[0] + data.step * step);
  said.y = Array.from(spots.y).map((step) => data.first[1] + data.step * step);
  said.whole = drawAt((x0 + x1) / 2, (y0 + y1) / 2, scale);
  said.close = drawAt((x0 + x1) / 2, (y0 + y1) / 2, 4);
}

async function useTheFrames() {
  const canvas = byId("camera-frame");
  await until(() => canvas.width !== 300 || canvas.height !== 150);
  await wait(100);
  const seen = [[byId("frame-said").textContent, hash(canvas), hash(byId("scale-0"))]];
  for (const doing of [
    () => set("frame", "2"),
    () => byId("frame-after").click(),
    () => byId("frame-marks").click(),
  ]) {
    doing();
    await wait(150);
    seen.push([byId("frame-said").textContent, hash(canvas), hash(byId("scale-0"))]);
  }
  said.frames = seen;
}

(async () => {
  try {
    await useThePicture();
    lookInside();
    await useTheFrames();
    said.wider = document.documentElement.scrollWidth - window.innerWidth;
    const focusable = [...document.querySelectorAll("a, button, input, select, canvas[tabindex], pre[tabindex]")];
    said.order = focusable.map((one) => one.id).filter((id) => id);
    said.unreachable = focusable.filter((one) => { one.focus(); return document.activeElement !== one; }).length;
  } catch (error) {
    said.errors.push(String(error.stack || error));
  }
  const told = document.createElement("pre");
  told.id = "selftest";
  told.textContent = JSON.stringify(said);
  document.body.append(told);
})();
