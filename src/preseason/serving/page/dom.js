/** Small parts that every view uses. Text from anywhere becomes text nodes, never markup. */

export const byId = (id) => document.getElementById(id);

/** An element: make("button", {class: "main", onclick: f}, "Say"). */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** One line under a view; a failure is shown as one. */
export function say(element, text, bad = false) {
  element.textContent = text;
  element.classList.toggle("bad", bad);
}

export function percent(share) {
  if (share > 0.9995 && share < 1) return "> 99.9 %";
  return `${(100 * share).toFixed(share > 0.995 || share < 0.1 ? 1 : 0)} %`;
}

/** Seconds as a clock: 75.2 is 1:15. */
export function clock(seconds, tenths = false) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  const text = shown.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
  return tenths ? `${text}.${Math.floor((seconds % 1) * 10)}` : text;
}

/** A choice of one among a few, as chips. */
export function chips(holder, name, values, chosen, onchange) {
  holder.replaceChildren(
    ...values.map((value) =>
      make("label", { class: "chip" },
        make("input", { type: "radio", name, value, checked: value === chosen, onchange: () => onchange(value) }),
        value)),
  );
}

/** Lets files be dropped on `holder`, chosen with `input`. */
export function takesFiles(holder, input, take) {
  input.addEventListener("change", () => {
    if (input.files.length) take([...input.files]);
    input.value = "";
  });
  holder.addEventListener("dragover", (event) => {
    event.preventDefault();
    holder.classList.add("over");
  });
  holder.addEventListener("dragleave", () => holder.classList.remove("over"));
  holder.addEventListener("drop", (event) => {
    event.preventDefault();
    holder.classList.remove("over");
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
}
