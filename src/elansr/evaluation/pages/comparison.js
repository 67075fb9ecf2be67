"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const stage = byId("stage");
  const handle = byId("handle");
  const marker = byId("marker");
  const pictures = [...stage.querySelectorAll("img")];
  const canvases = [...document.querySelectorAll("canvas")];
  const places = [...document.querySelectorAll(".places button")];
  const width = Number(stage.dataset.width);
  const height = Number(stage.dataset.height);
  const view = { split: 50, left: 0, right: 1, zoom: 1, x: width / 2, y: height / 2 };
  const within = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

  const showPair = () => {
    pictures.forEach((picture, n) => {
      picture.classList.toggle("left", n === view.left);
      picture.classList.toggle("right", n === view.right);
    });
    for (const side of ["left", "right"]) {
      byId(side).value = String(view[side]);
      stage.querySelector(`.label.${side}`).textContent = pictures[view[side]].alt;
    }
    showSplit();
  };

  const showSplit = () => {
    stage.style.setProperty("--split", `${view.split}%`);
    handle.setAttribute("aria-valuenow", String(Math.round(view.split)));
    handle.setAttribute("aria-valuetext", `${Math.round(view.split)} % ${pictures[view.left].alt}`);
  };

  // As large as shows enough of the picture to recognise it.
  const firstZoom = () => {
    const column = canvases[0].parentElement.clientWidth;
    const offered = [...byId("zoom").options].map((option) => Number(option.value));
    return Math.max(1, ...offered.filter((zoom) => column / zoom >= 72));
  };

  // A crop fills its column at a whole number of screen pixels a picture pixel.
  const cropSize = () => {
    const column = canvases[0].parentElement.clientWidth;
    const w = within(Math.floor(column / view.zoom), 1, width);
    return { w, h: within(w, 1, height) };
  };

  const showCrops = () => {
    const { w, h } = cropSize();
    const x = within(Math.round(view.x - w / 2), 0, width - w);
    const y = within(Math.round(view.y - h / 2), 0, height - h);
    canvases.forEach((canvas, n) => {
      canvas.width = w;
      canvas.height = h;
      canvas.style.width = `${w * view.zoom}px`;
      canvas.style.height = `${h * view.zoom}px`;
      canvas.getContext("2d").drawImage(pictures[n], x, y, w, h, 0, 0, w, h);
    });
    const share = { left: x / width, top: y / height, width: w / width, height: h / height };
    for (const [name, value] of Object.entries(share)) marker.style[name] = `${100 * value}%`;
    byId("place").textContent = `${x},${y},${w},${h}`;
    stage.classList.toggle("coarse", stage.clientWidth >= 1.5 * width);
  };

  const moveSplit = (split) => {
    view.split = within(split, 0, 100);
    showSplit();
  };

  const moveTo = (x, y) => {
    const { w, h } = cropSize();
    view.x = within(x, w / 2, width - w / 2);
    view.y = within(y, h / 2, height - h / 2);
    showCrops();
  };

  const drag = (event, grabbed) => {
    const frame = stage.getBoundingClientRect();
    const across = (event.clientX - frame.left) / frame.width;
    const down = (event.clientY - frame.top) / frame.height;
    if (grabbed === handle) moveSplit(100 * across);
    else moveTo(across * width, down * height);
  };

  let grabbed = null;
  let waiting = null; // a finger on the bare picture, which may be about to scroll the page
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const bare = !event.target.closest("#handle, #marker");
    grabbed = handle.contains(event.target) ? handle : marker;
    waiting = bare && event.pointerType === "touch" ? event : null;
    grabbed.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    if (!waiting) drag(event, grabbed);
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    const right = waiting && Math.abs(event.clientX - waiting.clientX);
    if (waiting && right > Math.abs(event.clientY - waiting.clientY)) waiting = null;
    if (grabbed && !waiting) drag(event, grabbed);
  });
  stage.addEventListener("pointerup", (event) => {
    if (grabbed) drag(event, grabbed);
    grabbed = null;
  });
  stage.addEventListener("pointercancel", () => { grabbed = null; });

  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  handle.addEventListener("keydown", (event) => {
    const ends = { Home: 0, End: 100 };
    if (event.key in ends) moveSplit(ends[event.key]);
    else if (event.key in steps) {
      const [right, down] = steps[event.key];
      moveSplit(view.split + (right - down) * (event.shiftKey ? 10 : 1));
    } else return;
    event.preventDefault();
  });
  marker.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    const [right, down] = steps[event.key];
    const step = event.shiftKey ? 16 : 1;
    moveTo(view.x + right * step, view.y + down * step);
    event.preventDefault();
  });

  for (const side of ["left", "right"]) {
    byId(side).addEventListener("change", (event) => { view[side] = Number(event.target.value); showPair(); });
  }
  byId("swap").addEventListener("click", () => {
    [view.left, view.right] = [view.right, view.left];
    showPair();
  });
  byId("zoom").addEventListener("change", (event) => { view.zoom = Number(event.target.value); moveTo(view.x, view.y); });
  for (const place of places) {
    place.addEventListener("click", () => moveTo(Number(place.dataset.x), Number(place.dataset.y)));
  }
  addEventListener("resize", () => moveTo(view.x, view.y));

  view.zoom = firstZoom();
  byId("zoom").value = String(view.zoom);
  showPair();
  if (places.length) moveTo(Number(places[0].dataset.x), Number(places[0].dataset.y));
  for (const picture of pictures) picture.decode().then(showCrops, () => {});
})();
