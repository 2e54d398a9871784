/** Boxes that were found, drawn on the picture. */

import { make, percent } from "./dom.js";

const COLOURS = ["#ffd640", "#4fc3f7", "#ff8a65", "#81c784", "#ba68c8", "#f06292", "#aed581", "#90a4ae"];

/** A canvas with the file's picture and the boxes of an answer on it. */
export function boxed(file, answer, labels) {
  const canvas = make("canvas", { class: "shown", role: "img", "aria-label": told(answer), width: answer.width, height: answer.height });
  const picture = new Image();
  picture.onload = () => {
    draw(canvas.getContext("2d"), picture, answer, labels);
    URL.revokeObjectURL(picture.src);
  };
  picture.src = URL.createObjectURL(file);
  return canvas;
}

function draw(pen, picture, answer, labels) {
  const { width, height } = answer;
  const size = Math.max(12, Math.round(Math.max(width, height) / 45));
  pen.drawImage(picture, 0, 0, width, height);
  pen.lineWidth = Math.max(2, size / 7);
  pen.font = `${size}px sans-serif`;
  for (const box of answer.boxes) {
    const [x, y] = [box.x0 * width, box.y0 * height];
    pen.strokeStyle = pen.fillStyle = colour(box.label, labels);
    pen.strokeRect(x, y, (box.x1 - box.x0) * width, (box.y1 - box.y0) * height);
    pen.fillText(`${box.label} ${percent(box.score)}`, x, Math.max(size, y - size / 4));
  }
}

export const colour = (label, labels) => COLOURS[Math.max(0, labels.indexOf(label)) % COLOURS.length];

/** How many of each class, in words. */
export function told(answer) {
  const counts = new Map();
  for (const { label } of answer.boxes) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts.size ? [...counts].map(([label, count]) => `${count} ${label}`).join(", ") : "nothing found";
}
