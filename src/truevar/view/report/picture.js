/* The super-resolved picture: localisations are unpacked once, and drawn at the zoom of the moment.
   Each adds a Gaussian of weight 1, as wide as its standard error, so that a pixel holds
   localisations. Drawing goes on in slices of a few milliseconds, so that the page stays quick. */
"use strict";

const NARROW = 0.6; // px of the canvas; a narrower Gaussian is shared out among four pixels
const WIDEST = 40; // px; a wider one is drawn so wide
const SLICE = 25; // ms of drawing at a time

function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/* 24-bit little-endian whole numbers; a Float32 holds them exactly. */
function steps24(text) {
  const bytes = bytesOf(text);
  const values = new Float32Array(bytes.length / 3);
  for (let i = 0, k = 0; i < values.length; i++, k += 3) {
    values[i] = bytes[k] | (bytes[k + 1] << 8) | (bytes[k + 2] << 16);
  }
  return values;
}

function unpacked(data) {
  const classes = new Float32Array(256);
  for (let k = 0; k < 256; k++) classes[k] = data.classes.first * Math.pow(data.classes.ratio, k);
  return {
    count: data.count, first: data.first, step: data.step, field: data.field, classes,
    x: steps24(data.x), y: steps24(data.y),
    sigma: data.sigma ? bytesOf(data.sigma) : null,
    prob: data.prob ? bytesOf(data.prob) : null,
  };
}

/* A job that adds localisations to a view's pixels; more(until) goes on until that time and says
   whether it is done. `view`: centre x, y in nm, scale in nm per pixel of the canvas. */
function drawing(spots, view, width, height, choice) {
  const sums = new Float32Array(width * height);
  const perStep = spots.step / view.scale;
  const left = (spots.first[0] - view.x) / view.scale + width / 2;
  const top = (spots.first[1] - view.y) / view.scale + height / 2;
  const across = new Float32Array(8 * WIDEST);
  let next = 0;
  let inView = 0;

  function gaussian(px, py, s) {
    const reach = Math.ceil(3 * s);
    const x0 = Math.max(Math.floor(px) - reach, 0);
    const x1 = Math.min(Math.floor(px) + reach, width - 1);
    const y0 = Math.max(Math.floor(py) - reach, 0);
    const y1 = Math.min(Math.floor(py) + reach, height - 1);
    const fall = -0.5 / (s * s);
    const weight = 1 / (2 * Math.PI * s * s);
    for (let x = x0; x <= x1; x++) across[x - x0] = Math.exp(fall * (x + 0.5 - px) ** 2);
    for (let y = y0; y <= y1; y++) {
      const down = weight * Math.exp(fall * (y + 0.5 - py) ** 2);
      const row = y * width;
      for (let x = x0; x <= x1; x++) sums[row + x] += down * across[x - x0];
    }
  }

  function shared(px, py) {
    const x = Math.floor(px - 0.5), y = Math.floor(py - 0.5);
    const fx = px - 0.5 - x, fy = py - 0.5 - y;
    for (let dy = 0; dy < 2; dy++) {
      for (let dx = 0; dx < 2; dx++) {
        if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) continue;
        sums[(y + dy) * width + x + dx] += (dx ? fx : 1 - fx) * (dy ? fy : 1 - fy);
      }
    }
  }

  function more(until) {
    for (; next < spots.count; next++) {
      if ((next & 1023) === 1023 && performance.now() > until) { next++; add(next - 1); return false; }
      add(next);
    }
    return true;
  }

  function add(i) {
    if (spots.prob && spots.prob[i] < choice.leastProb) return;
    if (spots.sigma && spots.sigma[i] > choice.worstError) return;
    const px = spots.x[i] * perStep + left, py = spots.y[i] * perStep + top;
    const s = spots.sigma && !choice.points
      ? Math.min(spots.classes[spots.sigma[i]] / view.scale, WIDEST) : 0;
    const margin = 3 * s + 1;
    if (px < -margin || py < -margin || px > width + margin || py > height + margin) return;
    if (px >= 0 && py >= 0 && px < width && py < height) inView++;
    if (s < NARROW) shared(px, py); else gaussian(px, py, s);
  }

  return { sums, more, inView: () => inView };
}

/* The value shown brightest: a percentile of the pixels that are lit, those above a tenth of the
   typical one that is not dark (as truevar.view.tone has it, from which the first picture is). */
function brightest(sums, percentile) {
  let roots = 0, bright = 0;
  for (let i = 0; i < sums.length; i++) if (sums[i] > 0) { roots += Math.sqrt(sums[i]); bright++; }
  if (bright === 0) return 1;
  const least = 0.1 * (roots / bright) ** 2;
  const stride = Math.max(1, Math.floor(bright / 200000));
  const lit = [];
  for (let i = 0, k = 0; i < sums.length; i++) {
    if (sums[i] > least && k++ % stride === 0) lit.push(sums[i]);
  }
  const sorted = Float32Array.from(lit).sort();
  return sorted[Math.min(Math.floor(sorted.length * percentile / 100), sorted.length - 1)];
}

function coloured(sums, width, height, choice, table) {
  const image = new ImageData(width, height);
  const top = brightest(sums, choice.percentile);
  const words = new Uint8Array(1024);
  for (let k = 0; k < 1024; k++) words[k] = Math.round(255 * Math.pow(k / 1023, choice.gamma));
  for (let i = 0, k = 0; i < sums.length; i++, k += 4) {
    const colour = 3 * words[Math.min(Math.round(1023 * sums[i] / top), 1023)];
    image.data[k] = table[colour];
    image.data[k + 1] = table[colour + 1];
    image.data[k + 2] = table[colour + 2];
    image.data[k + 3] = 255;
  }
  return image;
}

/* 1, 2 or 5 times a power of ten, the longest that is at most `most`. */
function roundLength(most) {
  const decade = Math.pow(10, Math.floor(Math.log10(most)));
  for (const factor of [5, 2]) if (factor * decade <= most) return factor * decade;
  return decade;
}

function lengthText(nm) {
  const tidy = (value) => String(Number(value.toPrecision(3)));
  return nm >= 1000 ? tidy(nm / 1000) + " µm" : tidy(nm) + " nm";
}
