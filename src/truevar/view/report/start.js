/* Ties the picture to its controls, and starts everything. */
"use strict";

function startPicture() {
  const byId = (name) => document.getElementById(name);
  const data = JSON.parse(byId("picture-data").textContent);
  const spots = unpacked(data);
  const tables = {};
  for (const name of Object.keys(data.colours)) tables[name] = bytesOf(data.colours[name]);
  const stage = byId("stage"), canvas = byId("picture"), context = canvas.getContext("2d");
  const [x0, x1, y0, y1] = data.field;
  const view = { x: 0, y: 0, scale: 1 };
  const choice = {};
  const shown = document.createElement("canvas"); // the last drawing that was finished
  let shownView = null, sums = null, waiting = 0;

  const ratio = () => Math.min(window.devicePixelRatio || 1, 2);
  const fit = () => Math.max((x1 - x0) / canvas.width, (y1 - y0) / canvas.height);

  function all() {
    Object.assign(view, { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: fit() });
    draw();
  }

  /* Draw: at once the last drawing, moved; then the localisations, slice by slice. */
  function draw() {
    cancelAnimationFrame(waiting);
    scaleBar();
    if (shownView) preview();
    const job = drawing(spots, { ...view }, canvas.width, canvas.height, choice);
    const of = { ...view };
    const slice = () => {
      if (!job.more(performance.now() + SLICE)) { waiting = requestAnimationFrame(slice); return; }
      sums = job.sums;
      shownView = of;
      colour();
      say(job.inView());
    };
    waiting = requestAnimationFrame(slice);
  }

  function colour() {
    if (!sums || sums.length !== canvas.width * canvas.height) return;
    shown.width = canvas.width;
    shown.height = canvas.height;
    const image = coloured(sums, canvas.width, canvas.height, choice, tables[choice.colours]);
    shown.getContext("2d").putImageData(image, 0, 0);
    context.putImageData(image, 0, 0);
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn || 0) + 1);
  }

  function preview() {
    const table = tables[choice.colours];
    const factor = shownView.scale / view.scale;
    const left = canvas.width / 2 + (shownView.x - view.x) / view.scale - shown.width / 2 * factor;
    const top = canvas.height / 2 + (shownView.y - view.y) / view.scale - shown.height / 2 * factor;
    context.fillStyle = `rgb(${table[0]}, ${table[1]}, ${table[2]})`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(shown, left, top, shown.width * factor, shown.height * factor);
  }

  function scaleBar() {
    const perPx = view.scale * ratio(); // nm per CSS px
    const length = roundLength(canvas.clientWidth * perPx / 4);
    byId("scale-bar").style.width = (length / perPx).toFixed(1) + "px";
    byId("scale-bar").firstElementChild.textContent = lengthText(length);
  }

  function say(inView) {
    byId("in-view").textContent = inView.toLocaleString("en") + " of "
      + spots.count.toLocaleString("en") + " in view, " + lengthText(view.scale) + " a pixel.";
  }

  function move(dx, dy) {
    const perPx = view.scale * ratio();
    view.x = Math.min(Math.max(view.x - dx * perPx, x0), x1);
    view.y = Math.min(Math.max(view.y - dy * perPx, y0), y1);
    draw();
  }

  function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const right = (x - canvas.clientWidth / 2) * ratio(), below = (y - canvas.clientHeight / 2) * ratio();
    const at = { x: view.x + right * view.scale, y: view.y + below * view.scale };
    const scale = Math.min(Math.max(view.scale / factor, 0.1), 2 * fit());
    Object.assign(view, { scale, x: at.x - right * scale, y: at.y - below * scale });
    draw();
  }

  /* Controls: what each says beside itself, and what it sets. */
  function readControls() {
    const set = (name, text) => { byId(name + "-is").textContent = text; };
    const value = (name) => Number(byId(name).value) / 100;
    choice.colours = byId("colours").value;
    choice.percentile = 100 - Math.pow(10, 1.7 - 3.7 * value("bright-at")); // 50 to 99.99
    choice.gamma = Math.pow(0.25, value("gamma"));
    set("bright-at", choice.percentile.toPrecision(4) + " %");
    set("gamma", "γ " + choice.gamma.toFixed(2));
    choice.points = byId("drawn-as") !== null && byId("drawn-as").value === "points";
    choice.leastProb = 0;
    if (byId("least-prob")) {
      choice.leastProb = Math.round(255 * value("least-prob"));
      set("least-prob", value("least-prob").toFixed(2));
    }
    choice.worstError = 255;
    if (byId("worst-error")) {
      const part = value("worst-error"); // 1 to 100 nm; at its end all
      const worst = Math.pow(100, part);
      const { first, ratio: step } = data.classes;
      if (part < 1) choice.worstError = Math.floor(Math.log(worst / first) / Math.log(step));
      set("worst-error", part < 1 ? worst.toPrecision(3) + " nm" : "any");
    }
    stage.classList.toggle("pale", choice.colours === "gray_r");
  }
  for (const name of ["colours", "bright-at", "gamma"]) {
    byId(name).addEventListener("input", () => { readControls(); colour(); });
  }
  for (const name of ["drawn-as", "least-prob", "worst-error"]) {
    if (byId(name)) byId(name).addEventListener("input", () => { readControls(); draw(); });
  }
  byId("zoom-in").addEventListener("click", () => zoom(1.5));
  byId("zoom-out").addEventListener("click", () => zoom(1 / 1.5));
  byId("zoom-all").addEventListener("click", all);
  byId("save-picture").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = canvas.toDataURL("image/png");
    link.download = "view.png";
    link.click();
  });
  listenForGestures(canvas, { move, zoom, all });

  let wasFit = true;
  function resize() {
    const width = Math.max(Math.round(stage.clientWidth * ratio()), 1);
    const height = Math.max(Math.round(stage.clientHeight * ratio()), 1);
    if (canvas.width === width && canvas.height === height && shownView) return;
    wasFit = !shownView || Math.abs(view.scale - fit()) < 1e-9;
    canvas.width = width;
    canvas.height = height;
    if (wasFit) all(); else draw();
  }
  readControls();
  canvas.hidden = false;
  byId("scale-bar").hidden = false;
  stage.querySelector(".zoom").hidden = false;
  new ResizeObserver(resize).observe(stage);
}

// After the first paint, which shows the picture that is there already.
requestAnimationFrame(() => {
  setTimeout(startPicture, 0);
  setTimeout(startFrames, 0);
});
