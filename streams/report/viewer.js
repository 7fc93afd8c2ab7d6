"use strict";

/* The page is complete without its scripts. This one lays the pictures of an image over each other. */

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function pressOnly(buttons, pressed) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed));
}

/* Scale bars read 1, 2 or 5 times a power of ten, at most a third of the picture. */
function niceLength(longest) {
  const power = 10 ** Math.floor(Math.log10(longest));
  return [5, 2, 1].map((step) => step * power).find((length) => length <= longest) ?? power;
}

function lengthText(nm) {
  if (nm >= 1e6) return `${nm / 1e6} mm`;
  return nm >= 1000 ? `${nm / 1000} µm` : `${+nm.toPrecision(3)} nm`;
}

class Viewer {
  constructor(figure) {
    this.figure = figure;
    this.viewport = figure.querySelector(".viewport");
    this.before = figure.querySelector(".before img");
    this.after = [...figure.querySelectorAll(".after img")];
    this.divider = figure.querySelector(".divider");
    this.tag = figure.querySelector(".tag.right");
    this.scalebar = figure.querySelector(".scalebar");
    this.picks = [...figure.querySelectorAll("[data-pick]")];
    this.zooms = [...figure.querySelectorAll("[data-zoom]")];
    this.removedButton = figure.querySelector("[data-removed]");
    this.nmPerPixel = Number(figure.dataset.nm) || 0;
    this.deviations = figure.dataset.deviations?.split(" ").map(Number);
    this.pixelsWide = Number(getComputedStyle(figure).getPropertyValue("--width"));
    this.shown = this.after.find((picture) => !picture.hidden);
    this.split = 50;
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    this.listen();
    this.place();
    new ResizeObserver(() => this.place()).observe(this.viewport);
  }

  listen() {
    for (const button of this.picks) button.addEventListener("click", () => this.pick(button));
    for (const button of this.zooms) button.addEventListener("click", () => this.zoomTo(Number(button.dataset.zoom)));
    this.removedButton.addEventListener("click", () => this.toggleRemoved());
    this.divider.addEventListener("keydown", (event) => this.dividerKey(event));
    this.viewport.addEventListener("keydown", (event) => this.viewportKey(event));
    this.viewport.addEventListener("pointerdown", (event) => this.grab(event));
    this.viewport.addEventListener("dblclick", (event) => this.zoomTo(this.zoom > 1 ? 1 : 4, this.at(event)));
    this.viewport.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  at(event) {
    const box = this.viewport.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /* Nothing was removed by an evidence map. */
  pick(button) {
    this.shown = this.after.find((picture) => picture.dataset.name === button.dataset.pick);
    this.removedButton.disabled = "map" in this.shown.dataset;
    if (this.removedButton.disabled) this.removedButton.setAttribute("aria-pressed", "false");
    pressOnly(this.picks, button);
    this.draw();
  }

  toggleRemoved() {
    const pressed = this.removedButton.getAttribute("aria-pressed") !== "true";
    this.removedButton.setAttribute("aria-pressed", String(pressed));
    this.draw();
  }

  /* Shows the picked restoration, or raw minus restored around mid-grey: 32 levels are one standard deviation of the
     noise where the specimen is as bright as the restoration says; without a noise law it is twice amplified. */
  draw() {
    const removed = this.removedButton.getAttribute("aria-pressed") === "true";
    for (const picture of this.after) picture.hidden = removed || picture !== this.shown;
    if (removed) this.subtract();
    if (this.canvas) this.canvas.hidden = !removed;
    this.tag.textContent = removed ? `raw − ${this.shown.dataset.name}` : this.shown.dataset.name;
  }

  async subtract() {
    if (!this.canvas) {
      this.canvas = document.createElement("canvas");
      this.figure.querySelector(".after").append(this.canvas);
    }
    const shown = this.shown;
    await Promise.all([this.before.decode(), shown.decode()]);
    if (shown !== this.shown) return;
    const [raw, restored] = [this.before, shown].map((picture) => levels(picture));
    for (let i = 0; i < raw.data.length; i += 4) {
      const times = this.deviations ? 32 / this.deviations[restored.data[i]] : 2;
      const level = 128 + times * (raw.data[i] - restored.data[i]);
      raw.data[i] = raw.data[i + 1] = raw.data[i + 2] = level;
    }
    this.canvas.width = raw.width;
    this.canvas.height = raw.height;
    this.canvas.getContext("2d").putImageData(raw, 0, 0);
  }

  zoomTo(zoom, point) {
    const { clientWidth: width, clientHeight: height } = this.viewport;
    const { x, y } = point ?? { x: width / 2, y: height / 2 };
    const next = clamp(zoom, 1, 16);
    this.x = x - ((x - this.x) * next) / this.zoom;
    this.y = y - ((y - this.y) * next) / this.zoom;
    this.zoom = next;
    this.place();
  }

  place() {
    const { clientWidth: width, clientHeight: height } = this.viewport;
    this.x = clamp(this.x, width * (1 - this.zoom), 0);
    this.y = clamp(this.y, height * (1 - this.zoom), 0);
    const style = this.viewport.style;
    style.setProperty("--split", `${this.split}%`);
    style.setProperty("--zoom", this.zoom);
    style.setProperty("--x", `${this.x}px`);
    style.setProperty("--y", `${this.y}px`);
    this.viewport.classList.toggle("zoomed", this.zoom > 1);
    this.divider.setAttribute("aria-valuenow", String(Math.round(this.split)));
    this.divider.setAttribute("aria-valuetext", `${Math.round(this.split)} % raw`);
    pressOnly(this.zooms, this.zooms.find((button) => Number(button.dataset.zoom) === this.zoom));
    this.measure(width);
  }

  measure(width) {
    if (!this.nmPerPixel || !width) return;
    const nmPerScreenPixel = (this.nmPerPixel * this.pixelsWide) / (width * this.zoom);
    const length = niceLength((width / 3) * nmPerScreenPixel);
    this.scalebar.hidden = false;
    this.scalebar.textContent = lengthText(length);
    this.scalebar.style.setProperty("--bar-px", `${length / nmPerScreenPixel}px`);
  }

  /* Dragging moves the divider; once zoomed in, only dragging the divider does and anything else moves the picture. */
  grab(event) {
    if (event.button !== 0) return;
    const moves = this.zoom > 1 && !this.divider.contains(event.target) ? this.panner(event) : this.splitter(event);
    this.viewport.setPointerCapture(event.pointerId);
    const stop = () => this.viewport.removeEventListener("pointermove", moves);
    this.viewport.addEventListener("pointermove", moves);
    this.viewport.addEventListener("pointerup", stop, { once: true });
    this.viewport.addEventListener("pointercancel", stop, { once: true });
  }

  /* A click only takes the focus: the divider follows once the pointer has moved. */
  splitter(start) {
    let dragging = false;
    return (event) => {
      dragging ||= Math.abs(event.clientX - start.clientX) > 3;
      if (!dragging) return;
      this.split = clamp((100 * this.at(event).x) / this.viewport.clientWidth, 0, 100);
      this.place();
    };
  }

  panner(start) {
    const from = { x: this.x - start.clientX, y: this.y - start.clientY };
    return (event) => {
      this.x = from.x + event.clientX;
      this.y = from.y + event.clientY;
      this.place();
    };
  }

  /* The wheel scrolls the page until the picture was clicked, and again when zoomed all the way out. */
  wheel(event) {
    const focused = this.viewport.contains(document.activeElement);
    if (!focused || (this.zoom === 1 && event.deltaY > 0)) return;
    event.preventDefault();
    this.zoomTo(this.zoom * (event.deltaY < 0 ? 2 : 0.5), this.at(event));
  }

  dividerKey(event) {
    const steps = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    this.split = clamp(this.split + steps[event.key], 0, 100);
    this.place();
  }

  viewportKey(event) {
    const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (event.key === "+" || event.key === "=") this.zoomTo(this.zoom * 2);
    else if (event.key === "-") this.zoomTo(this.zoom / 2);
    else if (event.key in moves && this.zoom > 1) {
      event.preventDefault();
      this.x += moves[event.key][0];
      this.y += moves[event.key][1];
      this.place();
    }
  }
}

function levels(picture) {
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

document.documentElement.classList.add("js");
for (const figure of document.querySelectorAll(".viewer")) {
  if (figure.querySelector(".divider")) new Viewer(figure);
}
