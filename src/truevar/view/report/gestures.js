/* Moving a picture by mouse, wheel, fingers and keys. `move(dx, dy)` in CSS px; `zoom(factor, x, y)`
   about a place in CSS px (the middle without one), a factor above 1 coming closer; `all()`. */
"use strict";

function listenForGestures(canvas, { move, zoom, all }) {
  const down = new Map(); // pointers that are pressed, by their number

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /* The middle of all fingers, and how far apart the first two are. */
  function hold() {
    const points = [...down.values()];
    const x = points.reduce((sum, one) => sum + one.x, 0) / points.length;
    const y = points.reduce((sum, one) => sum + one.y, 0) / points.length;
    const apart = points.length < 2 ? 0
      : Math.hypot(points[0].x - points[1].x, points[0].y - points[1].y);
    return { x, y, apart };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    down.set(event.pointerId, place(event));
    try { canvas.setPointerCapture(event.pointerId); } catch (_) { /* no such pointer any more */ }
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!down.has(event.pointerId)) return;
    const before = hold();
    down.set(event.pointerId, place(event));
    const now = hold();
    move(now.x - before.x, now.y - before.y);
    if (before.apart > 0 && now.apart > 0) zoom(now.apart / before.apart, now.x, now.y);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, (event) => down.delete(event.pointerId));
  }
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 33 : 1;
    const far = Math.max(Math.min(event.deltaY * lines, 300), -300);
    const { x, y } = place(event);
    zoom(Math.exp(-far / 400), x, y);
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => {
    const { x, y } = place(event);
    zoom(2, x, y);
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own
    const step = canvas.clientWidth * (event.shiftKey ? 0.4 : 0.1);
    const doings = {
      ArrowLeft: () => move(step, 0), ArrowRight: () => move(-step, 0),
      ArrowUp: () => move(0, step), ArrowDown: () => move(0, -step),
      "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "_": () => zoom(0.8),
      0: all, Home: all,
    };
    if (!Object.hasOwn(doings, event.key)) return;
    event.preventDefault();
    doings[event.key]();
  });
}
