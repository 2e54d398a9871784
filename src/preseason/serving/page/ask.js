/** Photos, clips and texts: answers, where it looked, corrections, and new classes. */

import { form, get, post } from "./api.js";
import { boxed, told } from "./boxes.js";
import { editor } from "./correct.js";
import { byId, chips, make, percent, say, takesFiles } from "./dom.js";
import { openRefit, showRefit } from "./refit.js";
import { heard, openMicrophone, stopListening } from "./sound.js";

const AT_ONCE = 8;
const SHOWN = 5;
let models, model, offers;

export function openAsk(found, session) {
  models = found;
  offers = session;
  byId("teach").hidden = session.read_only;
  chips(byId("ask-models"), "ask-model", models.map((each) => each.id), models[0].id, choose);
  takesFiles(byId("ask-files"), byId("ask-input"), askFiles);
  addEventListener("paste", (event) => {
    if (!byId("ask").hidden && !typed(model) && event.clipboardData.files.length) askFiles([...event.clipboardData.files]);
  });
  byId("ask-texts").onsubmit = (event) => {
    event.preventDefault();
    askAll(lines(byId("ask-text").value));
  };
  byId("teach-input").onchange = () => {
    const count = byId("teach-input").files.length;
    byId("teach-count").textContent = count ? `${count} chosen` : "none chosen";
  };
  byId("teach-form").onsubmit = teach;
  openMicrophone(() => model);
  openRefit(() => choose(model.id));
  choose(models[0].id);
}

function choose(name) {
  model = models.find((each) => each.id === name);
  const known = model.labels.length > 12 ? `${model.labels.slice(0, 12).join(", ")} and ${model.labels.length - 12} more` : model.labels.join(", ");
  byId("ask-about").textContent = `Knows ${known}. ${model.measured}`;
  for (const noun of document.querySelectorAll("#ask .noun")) noun.textContent = model.noun;
  stopListening();
  byId("listen").hidden = model.viewer !== "sound" || !navigator.mediaDevices;
  byId("ask-files").hidden = typed(model);
  byId("ask-texts").hidden = !typed(model);
  byId("teach-files").hidden = typed(model);
  byId("teach-texts").hidden = !typed(model);
  byId("teach").hidden = offers.read_only || model.viewer === "boxes";
  showRefit(offers.refit && model.viewer === "boxes" ? model : null);
}

const typed = (asked) => asked.viewer === "text";
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const askFiles = (files) => askAll(files);

/** A few at a time, so that the first answers are there while the others come. */
async function askAll(inputs) {
  if (!inputs.length) return;
  const asked = model;
  byId("answers").replaceChildren();
  for (let begin = 0; begin < inputs.length; begin += AT_ONCE) {
    const some = inputs.slice(begin, begin + AT_ONCE);
    say(byId("ask-said"), `Asking ${asked.id}: ${begin} of ${inputs.length} …`);
    try {
      show(asked, some, await post("/v1/predict", filled({ model: asked.id, explain: "true" }, some, asked)));
    } catch (error) {
      if (some.length === 1) failed(some[0], error.message);
      else for (const one of some) await askAlone(asked, one);
    }
  }
  const count = byId("answers").children.length;
  say(byId("ask-said"), `${count} ${count === 1 ? "answer" : "answers"}.`);
}

async function askAlone(asked, input) {
  try {
    show(asked, [input], await post("/v1/predict", filled({ model: asked.id, explain: "true" }, [input], asked)));
  } catch (error) {
    failed(input, error.message);
  }
}

const filled = (fields, inputs, asked) =>
  typed(asked) ? form(fields, [], inputs) : form(fields, inputs);

function show(asked, inputs, reply) {
  const cards = [];
  for (const answer of reply.predictions) cards[answer.index] = card(asked, inputs[answer.index], answer);
  for (const skipped of reply.skipped) cards[skipped.index] = failure(inputs[skipped.index], skipped.reason);
  byId("answers").append(...cards);
}

const failed = (input, reason) => byId("answers").append(failure(input, reason));

function failure(input, reason) {
  return make("li", { class: "answer failed" },
    make("p", { class: "name" }, input.name || input),
    make("p", {}, `No answer: ${reason}`));
}

function card(asked, input, answer) {
  if (answer.boxes && offers.corrections) return make("li", { class: "answer" }, ...editor(asked, input, answer));
  if (answer.boxes) {
    return make("li", { class: "answer" },
      make("figure", {}, boxed(input, answer, asked.labels)),
      make("p", { class: "name" }, input.name),
      make("strong", {}, told(answer)));
  }
  const best = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]).slice(0, SHOWN);
  return make("li", { class: "answer" },
    typed(asked) ? words(input, answer.words) : picture(asked, input, answer),
    make("div", { class: "head" },
      make("strong", {}, answer.unknown ? "unknown" : answer.label),
      answer.unknown
        ? make("span", { class: "badge" }, `unlike every known class; nearest: ${answer.label}`)
        : make("span", { class: "sure" }, percent(answer.probability))),
    bars(best, answer.label),
    nearest(answer.nearest),
    offers.corrections ? correction(asked, input, answer) : null);
}

/** How an example that is a file is shown; a modality of a plug-in without a viewer of its own is named. */
const VIEWERS = {
  image: (file) => make("img", { class: "shown", src: URL.createObjectURL(file), alt: file.name }),
  video: (file) => {
    const clip = make("video", { class: "shown", src: URL.createObjectURL(file), controls: true, muted: true, preload: "metadata" });
    clip.addEventListener("error", () => clip.replaceWith(
      make("p", { class: "fine" }, "This browser cannot play this kind of video. The answer is not affected.")));
    return clip;
  },
  sound: heard,
  file: (file) => make("p", { class: "shown" }, `${file.name}, ${Math.ceil(file.size / 1024)} kB`),
};

/** Of these, what is drawn are moments, not places. */
const TIMED = new Set(["sound", "video"]);

function picture(asked, input, answer) {
  const plain = (VIEWERS[asked.viewer] ?? VIEWERS.file)(input);
  const holder = make("figure", {}, plain);
  const caption = make("figcaption", { class: "name" }, input.name);
  if (answer.looked) {
    const counted = TIMED.has(asked.viewer) ? "Which moments counted" : "Where it looked";
    const looked = make("img", { class: "shown", src: answer.looked, alt: `${counted}: ${input.name}`, hidden: true });
    const turn = make("button", { type: "button", "aria-pressed": "false" }, counted);
    turn.onclick = () => {
      const on = turn.getAttribute("aria-pressed") !== "true";
      turn.setAttribute("aria-pressed", String(on));
      looked.hidden = !on;
      plain.hidden = on;
    };
    holder.append(looked);
    return make("div", {}, holder, make("div", { class: "tools" }, caption, turn));
  }
  return make("div", {}, holder, caption);
}

/** A text with the words that counted; what speaks against the answer is shown as such. */
function words(text, found) {
  if (!found) return make("blockquote", {}, text);
  const most = Math.max(...found.map(({ weight }) => Math.abs(weight)), 1e-9);
  return make("blockquote", { class: "words" },
    ...found.flatMap(({ word, weight }) => {
      const level = Math.round((3 * Math.abs(weight)) / most);
      const side = weight >= 0 ? "w" : "a";
      const told = `${weight >= 0 ? "adds" : "takes"} ${percent(Math.abs(weight))}`;
      return [make("span", level ? { class: `${side}${level}`, title: told } : {}, word), " "];
    }));
}

function bars(best, label) {
  return make("table", { class: "bars" }, make("tbody", {},
    ...best.map(([name, share]) =>
      make("tr", name === label ? { class: "own" } : {},
        make("th", { scope: "row" }, name),
        make("td", {}, make("meter", { value: share, max: 1, "aria-hidden": "true" })),
        make("td", { class: "num" }, percent(share))))));
}

function nearest(found) {
  if (!found || !found.length) return null;
  return make("div", { class: "near" }, make("span", {}, "Nearest training examples:"),
    ...found.map((each) => make("span", {},
      each.picture ? make("img", { class: "thumb", src: each.picture, alt: "" }) : null,
      each.name ? `${each.label} (${each.name})` : each.label)));
}

function correction(asked, input, answer) {
  const others = asked.labels.filter((label) => answer.unknown || label !== answer.label);
  const said = make("span", { class: "fine", role: "status" });
  const other = make("input", { "aria-label": "New label", placeholder: "who is it?", maxlength: 80, hidden: true });
  const list = make("select", { "aria-label": `Right label of ${input.name || "this text"}` },
    make("option", { value: "" }, "Not right?"),
    ...others.map((label) => make("option", {}, label)),
    make("option", { value: "+" }, "another label …"));
  const keep = make("button", { type: "button", disabled: true }, "Keep");
  const label = () => (list.value === "+" ? other.value.trim() : list.value);
  list.onchange = other.oninput = () => {
    other.hidden = list.value !== "+";
    keep.disabled = !label();
  };
  keep.onclick = async () => {
    try {
      const reply = await post("/v1/corrections", filled({ model: asked.id, label: label() }, [input], asked));
      say(said, `Kept as ${reply.label}; ${reply.counts[reply.label]} of it now.`);
    } catch (error) {
      say(said, error.message, true);
    }
  };
  return make("div", { class: "tools" }, list, other, keep, said);
}

async function teach(event) {
  event.preventDefault();
  const said = byId("teach-said");
  const name = byId("teach-name").value.trim();
  const inputs = typed(model) ? lines(byId("teach-text").value) : [...byId("teach-input").files];
  if (!inputs.length) return say(said, `Choose some ${model.noun} of ${name} first.`, true);
  say(said, `Learning ${name} …`);
  try {
    const reply = await post(`/v1/models/${encodeURIComponent(model.id)}/classes`, filled({ label: name }, inputs, model));
    Object.assign(model, await get(`/v1/models/${encodeURIComponent(model.id)}`));
    choose(model.id);
    const left = reply.skipped.length ? ` ${reply.skipped.length} could not be read.` : "";
    const warned = reply.warnings.length ? ` ${reply.warnings.join(" ")}` : "";
    say(said, `${reply.name} learnt from ${reply.examples} ${model.noun}.${left}${warned}`);
  } catch (error) {
    say(said, error.message, true);
  }
}
