/* Camera frames with rings around what was found, and below them what each scale says. */
"use strict";

const RING = 1.6; // radius, in 64ths of a frame's width
const LEAST_RING = 3; // radius in CSS px

function startFrames() {
  const block = document.getElementById("frames-data");
  if (!block) return;
  const frames = JSON.parse(block.textContent).frames;
  const byId = (name) => document.getElementById(name);
  const slider = byId("frame"), marks = byId("frame-marks");
  let turn = 0; // of the slider; what was asked for before the last turn is not shown any more

  /* [x, y, x, y, …] as shares of the image's sides, unpacked when first asked for. */
  function places(shown) {
    if (!shown.places) {
      const bytes = bytesOf(shown.at);
      shown.places = new Float32Array(bytes.length / 2);
      for (let k = 0; k < shown.places.length; k++) {
        shown.places[k] = (bytes[2 * k] | (bytes[2 * k + 1] << 8)) / 65535;
      }
    }
    return shown.places;
  }
  const countOf = (shown) => places(shown).length / 2;

  function paint(canvas, shown, mine) {
    const image = new Image();
    image.onload = () => {
      if (mine !== turn) return;
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const width = Math.max(Math.round(canvas.clientWidth * ratio), 1);
      canvas.width = width;
      canvas.height = Math.max(Math.round(width * image.height / image.width), 1);
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = false; // pixels are to be seen as pixels
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      if (marks.checked) rings(context, shown, width, ratio);
    };
    image.src = shown.image;
  }

  function rings(context, shown, width, ratio) {
    const { width: w, height: h } = context.canvas;
    const radius = Math.max(LEAST_RING * ratio, Math.min(RING * width / 64, 11 * ratio));
    const thin = radius < 7 * ratio ? 0.7 : 1;
    for (const [colour, thick] of [["rgba(0, 0, 0, 0.7)", 3.2], ["#ffb000", 1.6]]) {
      context.strokeStyle = colour;
      context.lineWidth = thick * thin * ratio;
      const at = places(shown);
      for (let k = 0; k < at.length; k += 2) {
        context.beginPath();
        context.arc(at[k] * w, at[k + 1] * h, radius, 0, 2 * Math.PI);
        context.stroke();
      }
    }
  }

  function show() {
    turn++;
    const one = frames[Number(slider.value)];
    byId("frame-is").textContent = one.frame.toLocaleString("en");
    slider.setAttribute("aria-valuetext", "frame " + one.frame);
    byId("frame-said").textContent =
      "Frame " + one.frame.toLocaleString("en") + ": " + countOf(one.shown).toLocaleString("en") + " emitters";
    paint(byId("camera-frame"), one.shown, turn);
    const left = byId("left-over");
    if (left) {
      left.hidden = !one.left;
      byId("left-said").textContent = !one.left ? "Nothing was found in this frame." :
        countOf(one.left).toLocaleString("en") + " more would explain what is left";
      if (one.left) paint(left, one.left, turn);
    }
    const scales = byId("scales");
    if (!scales) return;
    scales.hidden = one.scales.length === 0;
    byId("scales-missing").hidden = one.scales.length > 0;
    one.scales.forEach((scale, k) => {
      const said = "cells of " + scale.cell + ": " + countOf(scale).toLocaleString("en") + " found";
      byId("scale-" + k + "-said").textContent = said;
      byId("scale-" + k).setAttribute("aria-label", "Probability map, " + said);
      paint(byId("scale-" + k), scale, turn);
    });
  }

  function go(by) {
    slider.value = String(Number(slider.value) + by); // the slider itself keeps to its ends
    show();
  }
  slider.addEventListener("input", show);
  marks.addEventListener("change", show);
  byId("frame-before").addEventListener("click", () => go(-1));
  byId("frame-after").addEventListener("click", () => go(1));
  new ResizeObserver(show).observe(byId("camera-frame").parentElement);
  show();
}
