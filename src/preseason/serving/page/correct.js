/** Boxes that were found, to be put right: moved, resized, named anew, taken away, drawn, and kept. */

import { form, post } from "./api.js";
import { colour, told } from "./boxes.js";
import { make, percent, say } from "./dom.js";

const NEAR = 9;
const STEP = 0.005;
const LEAST = 0.004;
const OTHER = "+";
const HELP = "Click a box to choose it, drag it to move it, drag a corner to resize it; drag anywhere else to draw a new one. "
  + "With the keyboard: Enter chooses the next box, arrows move it, with Shift they resize it, Delete takes it away.";

/** The parts of a card: the picture with its boxes, tools, and what was kept. */
export function editor(asked, file, answer) {
  const boxes = answer.boxes.map((box) => ({ ...box }));
  const labels = [...asked.labels];
  const canvas = make("canvas", { class: "shown edited", tabindex: 0, role: "application", "aria-label": `Boxes on ${file.name}. ${HELP}`, width: answer.width, height: answer.height });
  const heading = make("strong", {}, told(answer));
  const said = make("span", { class: "fine", role: "status" });
  const list = make("select", { "aria-label": "Label of the chosen box" });
  const other = make("input", { "aria-label": "New label", placeholder: "what is it?", maxlength: 80, hidden: true });
  const drop = make("button", { type: "button" }, "Delete");
  const keep = make("button", { type: "button" }, "Keep all boxes");
  const view = { picture: null, chosen: -1, boxes, labels, width: answer.width, height: answer.height };

  const refresh = () => {
    const box = boxes[view.chosen];
    list.replaceChildren(...labels.map((label) => make("option", { selected: box?.label === label }, label)), make("option", { value: OTHER }, "something else …"));
    list.disabled = drop.disabled = !box;
    other.hidden = true;
    heading.textContent = told({ boxes });
    paint(canvas, view);
  };
  const choose = (place) => { view.chosen = place; refresh(); };
  const name = (label) => {
    const box = boxes[view.chosen];
    if (!box || !label) return;
    if (!labels.includes(label)) labels.push(label);
    box.label = label;
    delete box.score;
    refresh();
  };
  const remove = () => {
    if (view.chosen < 0) return;
    boxes.splice(view.chosen, 1);
    choose(-1);
  };
  list.onchange = () => {
    other.hidden = list.value !== OTHER;
    if (other.hidden) name(list.value);
    else other.focus();
  };
  other.onchange = () => name(other.value.trim());
  drop.onclick = remove;
  keep.onclick = async () => {
    const plain = boxes.map(({ label, x0, y0, x1, y1 }) => ({ label, x0, y0, x1, y1 }));
    try {
      const reply = await post("/v1/corrections", form({ model: asked.id, boxes: JSON.stringify(plain) }, [file]));
      const all = Object.entries(reply.counts).map(([label, count]) => `${count} ${label}`).join(", ");
      say(said, `Kept with ${reply.boxes} boxes; all that is kept now: ${all || "nothing but empty pictures"}.`);
    } catch (error) {
      say(said, error.message, true);
    }
  };
  const changed = () => { delete boxes[view.chosen].score; refresh(); };
  drags(canvas, view, choose, changed, () => list.value === OTHER || !list.value ? labels[0] : list.value);
  keys(canvas, view, choose, changed, remove);
  const picture = new Image();
  picture.onload = () => { view.picture = picture; refresh(); };
  picture.src = URL.createObjectURL(file);
  refresh();
  return [make("figure", {}, canvas), make("p", { class: "name" }, file.name), heading,
    make("div", { class: "tools" }, list, other, drop, keep), make("p", { class: "fine" }, HELP), said];
}

function paint(canvas, { picture, chosen, boxes, labels, width, height }) {
  const pen = canvas.getContext("2d");
  const size = Math.max(12, Math.round(Math.max(width, height) / 45));
  if (picture) pen.drawImage(picture, 0, 0, width, height);
  pen.font = `${size}px sans-serif`;
  boxes.forEach((box, place) => {
    const [x, y, wide, high] = [box.x0 * width, box.y0 * height, (box.x1 - box.x0) * width, (box.y1 - box.y0) * height];
    pen.strokeStyle = pen.fillStyle = colour(box.label, labels);
    pen.lineWidth = Math.max(2, size / (place === chosen ? 4 : 7));
    pen.strokeRect(x, y, wide, high);
    pen.fillText(box.score === undefined ? box.label : `${box.label} ${percent(box.score)}`, x, Math.max(size, y - size / 4));
    if (place !== chosen) return;
    for (const [cx, cy] of [[x, y], [x + wide, y], [x, y + high], [x + wide, y + high]]) pen.fillRect(cx - size / 3, cy - size / 3, size / 1.5, size / 1.5);
  });
}

/** Where the pointer is, in 0..1 of the picture, and how much `NEAR` pixels of the screen are of it. */
function place(canvas, event) {
  const shown = canvas.getBoundingClientRect();
  return {
    x: (event.clientX - shown.left) / shown.width,
    y: (event.clientY - shown.top) / shown.height,
    across: NEAR / shown.width,
    down: NEAR / shown.height,
  };
}

function drags(canvas, view, choose, changed, label) {
  let drag = null;
  canvas.onpointerdown = (event) => {
    event.preventDefault();
    canvas.focus();
    canvas.setPointerCapture(event.pointerId);
    const at = place(canvas, event);
    drag = corner(view, at) ?? inner(view, at, choose) ?? { kind: "new", at };
    if (drag.kind === "new") choose(-1);
  };
  canvas.onpointermove = (event) => {
    if (!drag) return;
    const at = place(canvas, event);
    const [x, y] = [within(at.x), within(at.y)];
    if (drag.kind === "new") {
      if (Math.abs(x - drag.at.x) < LEAST || Math.abs(y - drag.at.y) < LEAST) return;
      view.boxes.push({ label: label(), x0: drag.at.x, y0: drag.at.y, x1: x, y1: y });
      choose(view.boxes.length - 1);
      drag = { kind: "corner", fixed: drag.at };
    }
    const box = view.boxes[view.chosen];
    if (drag.kind === "corner") between(box, drag.fixed, { x, y });
    else moved(box, at.x - drag.last.x, at.y - drag.last.y);
    drag.last = at;
    changed();
  };
  canvas.onpointerup = canvas.onpointercancel = () => { drag = null; };
}

/** A drag of the chosen box's corner that lies under the pointer. */
function corner({ boxes, chosen }, { x, y, across, down }) {
  const box = boxes[chosen];
  if (!box) return null;
  for (const [cx, cy, fx, fy] of [[box.x0, box.y0, box.x1, box.y1], [box.x1, box.y0, box.x0, box.y1], [box.x0, box.y1, box.x1, box.y0], [box.x1, box.y1, box.x0, box.y0]]) {
    if (Math.abs(x - cx) <= across && Math.abs(y - cy) <= down) return { kind: "corner", fixed: { x: fx, y: fy } };
  }
  return null;
}

/** A drag of the smallest box under the pointer, which is chosen by it. */
function inner({ boxes }, at, choose) {
  const size = (box) => (box.x1 - box.x0) * (box.y1 - box.y0);
  const under = boxes.filter((box) => box.x0 <= at.x && at.x <= box.x1 && box.y0 <= at.y && at.y <= box.y1).sort((a, b) => size(a) - size(b));
  if (!under.length) return null;
  choose(boxes.indexOf(under[0]));
  return { kind: "move", last: at };
}

function keys(canvas, view, choose, changed, remove) {
  const ways = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  canvas.onkeydown = (event) => {
    const box = view.boxes[view.chosen];
    if (event.key === "Enter" && view.boxes.length) choose((view.chosen + 1) % view.boxes.length);
    else if (box && (event.key === "Delete" || event.key === "Backspace")) remove();
    else if (box && ways[event.key]) {
      const [across, down] = ways[event.key];
      if (event.shiftKey) between(box, { x: box.x0, y: box.y0 }, { x: Math.max(box.x0 + LEAST, box.x1 + across), y: Math.max(box.y0 + LEAST, box.y1 + down) });
      else moved(box, across, down);
      changed();
    } else return;
    event.preventDefault();
  };
}

const within = (value) => Math.min(1, Math.max(0, value));

function between(box, one, other) {
  [box.x0, box.x1] = [one.x, other.x].map(within).sort((a, b) => a - b);
  [box.y0, box.y1] = [one.y, other.y].map(within).sort((a, b) => a - b);
}

/** The box as a whole moves, as far as the picture's edges. */
function moved(box, across, down) {
  const dx = Math.max(-box.x0, Math.min(across, 1 - box.x1));
  const dy = Math.max(-box.y0, Math.min(down, 1 - box.y1));
  box.x0 += dx;
  box.x1 += dx;
  box.y0 += dy;
  box.y1 += dy;
}
