/** A match: chosen or uploaded, played, with its actions along the time. */

import { ask, get } from "./api.js";
import { byId, chips, clock, make, percent, say, takesFiles } from "./dom.js";
import { closeTags, marksOf, openTags, pressed } from "./tag.js";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
const MOST_TICKS = 8;
const ASK_AGAIN_MS = 700;
let models, model, match, found = [], round = 0;
const video = () => byId("video");

export function openMatch(spotters) {
  models = spotters.map((each) => each.id);
  model = models[0];
  if (models.length) chips(byId("spot-models"), "spot-model", models, model, (name) => { model = name; found = []; draw(); });
  byId("spot-models").parentElement.hidden = byId("spot-ask").hidden = !models.length;
  byId("spot-none").hidden = models.length > 0;
  takesFiles(byId("match-drop"), byId("match-input"), ([file]) => upload(file));
  byId("spot-go").onclick = look;
  byId("spot-least").oninput = () => {
    byId("spot-shown").textContent = `${byId("spot-least").value} %`;
    if (found.length) look();
  };
  video().addEventListener("timeupdate", moveNow);
  video().addEventListener("loadedmetadata", draw);
  addEventListener("keydown", keys);
  list();
}

async function list() {
  const { matches } = await get("/v1/matches");
  byId("match-list").replaceChildren(
    ...matches.map((each) => make("li", {},
      make("button", { onclick: () => open(each, `/v1/matches/${each.id}/video`) }, `${each.name} (${clock(each.duration_s)})`))));
}

/** The video can be watched at once, from this machine; what is found in it comes from the server. */
function upload(file) {
  const said = byId("match-said");
  const sending = new XMLHttpRequest();
  sending.open("POST", `/v1/matches?name=${encodeURIComponent(file.name)}`);
  sending.setRequestHeader("content-type", "application/octet-stream");
  sending.upload.onprogress = (event) => say(said, `Sending ${file.name}: ${percent(event.loaded / event.total)} …`);
  sending.onerror = () => say(said, "The upload broke off: is the server still running?", true);
  sending.onload = () => {
    let reply = {};
    try {
      reply = JSON.parse(sending.responseText);
    } catch { /* told below */ }
    if (sending.status !== 200) return say(said, reply.error?.message ?? `The server answered ${sending.status}.`, true);
    say(said, "");
    list();
    open(reply, URL.createObjectURL(file));
  };
  sending.send(file);
}

function open(chosen, address) {
  match = chosen;
  found = [];
  round += 1;
  video().src = address;
  byId("match-room").hidden = false;
  byId("found").replaceChildren();
  say(byId("spot-said"), "");
  closeTags();
  openTags(match, { seek, now: () => video().currentTime, changed: draw, again });
  draw();
}

export function seek(seconds) {
  video().currentTime = Math.max(0, seconds);
  video().scrollIntoView({ block: "nearest" });
}

/** Asks until the answer is there; null when another match was opened meanwhile. */
export async function again(path, body, bar) {
  const own = round;
  try {
    for (;;) {
      const reply = await ask("POST", path, body);
      const told = await reply.json();
      if (own !== round) return null;
      if (reply.status !== 202) return told;
      bar.hidden = false;
      bar.value = told.share;
      await new Promise((after) => setTimeout(after, ASK_AGAIN_MS));
    }
  } finally {
    bar.hidden = true;
  }
}

async function look() {
  const said = byId("spot-said");
  const least = Number(byId("spot-least").value) / 100;
  byId("spot-go").disabled = true;
  say(said, found.length ? "" : "Watching the match …");
  try {
    const reply = await again("/v1/spot", { model, match: match.id, threshold: least }, byId("spot-progress"));
    if (!reply) return;
    found = reply.actions;
    const world = reply.drift?.verdict === "other" ? ` ${reply.drift.words}` : "";
    say(said, (found.length ? `${found.length} found.` : "Nothing found: be content with less sure ones.") + world);
    byId("found").replaceChildren(...found.map((each) => make("li", {},
      make("button", { class: "go", onclick: () => seek(each.time_s - 2) }, clock(each.time_s)),
      make("span", {}, each.label), make("span", { class: "num" }, percent(each.confidence)))));
    draw();
  } catch (error) {
    say(said, error.message, true);
  } finally {
    byId("spot-go").disabled = false;
  }
}

const length = () => (Number.isFinite(video().duration) && video().duration) || match?.duration_s || 1;

function draw() {
  if (!match) return;
  const marks = marksOf();
  const rows = [...new Set([...found, ...marks].map((each) => each.label))].sort();
  byId("timeline").replaceChildren(...rows.map((label) => lane(label, marks)), ticks());
  moveNow();
}

function lane(label, marks) {
  const row = make("div", { class: "lane" }, make("b", { title: label }, label));
  const put = (each, kind, told) => {
    const at = make("button", { class: kind, "aria-label": told, title: told, onclick: () => seek(each.time_s - 1) });
    at.style.left = `${(100 * each.time_s) / length()}%`;
    if (each.confidence !== undefined) at.style.opacity = 0.3 + 0.7 * each.confidence;
    row.append(at);
  };
  for (const each of found.filter((one) => one.label === label)) put(each, "found", `${clock(each.time_s)} ${label}, ${percent(each.confidence)}`);
  for (const each of marks.filter((one) => one.label === label)) put(each, "mark", `${clock(each.time_s)} ${label}, marked`);
  return row;
}

function ticks() {
  const row = make("div", { class: "lane ticks", "aria-hidden": "true" });
  const step = STEPS.find((each) => length() / each <= MOST_TICKS) ?? 3600;
  for (let at = 0; at <= length(); at += step) {
    const tick = make("span", {}, clock(at));
    tick.style.left = `${(100 * at) / length()}%`;
    row.append(tick);
  }
  const now = make("i", { class: "now", id: "now" });
  row.append(now);
  return row;
}

function moveNow() {
  const now = byId("now");
  if (now) now.style.left = `${(100 * video().currentTime) / length()}%`;
}

/** Keys of the player, unless somebody is typing. */
function keys(event) {
  if (byId("match").hidden || !match || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=range]), textarea, select")) return;
  if (event.key === " " && event.target.matches("button, a, summary, video")) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ",": -1 / (match.fps || 25), ".": 1 / (match.fps || 25) };
  if (event.target.matches("input[type=range], video") && event.key.startsWith("Arrow")) return;
  if (event.key in steps) video().currentTime += steps[event.key];
  else if (event.key === " ") video().paused ? video().play() : video().pause();
  else if (!pressed(event.key)) return;
  event.preventDefault();
}
