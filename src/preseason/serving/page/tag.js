/** Tagging while watching: a key marks a moment, the nearest others are suggested, every answer refits. */

import { ask } from "./api.js";
import { byId, clock, make, percent, say } from "./dom.js";

const COUNT = 12;
let match, player, labels = [], chosen = 0, marks = [], rejected = [], suggestions = [], picked = 0, busy = false, due = false;

export const marksOf = () => marks;

export function openTags(opened, given) {
  [match, player] = [opened, given];
  const kept = JSON.parse(localStorage.getItem(place()) ?? "{}");
  [labels, marks, rejected] = [kept.labels ?? ["goal"], kept.marks ?? [], kept.rejected ?? []];
  byId("label-form").onsubmit = (event) => {
    event.preventDefault();
    const name = byId("label-name").value.trim();
    if (name && !labels.includes(name) && labels.length < 9) chosen = labels.push(name) - 1;
    byId("label-name").value = "";
    suggestions = [];
    changed();
  };
  byId("alike").onclick = suggest;
  byId("save").onclick = save;
  changed();
}

export function closeTags() {
  [labels, marks, rejected, suggestions, chosen, picked] = [[], [], [], [], 0, 0];
  say(byId("tag-said"), "");
}

/** What a key does; false where it does nothing. */
export function pressed(key) {
  if (/^[1-9]$/.test(key) && labels[key - 1]) mark(Number(key) - 1);
  else if (key.toLowerCase() === "a" && suggestions.length) judge(picked, true);
  else if (key.toLowerCase() === "r" && suggestions.length) judge(picked, false);
  else return false;
  return true;
}

/** Marks outlive the page in this browser, by the video's name, size and length. */
const place = () => `preseason ${match.name} ${match.bytes} ${match.duration_s}`;
const own = (list) => list.filter((each) => each.label === labels[chosen]).map((each) => each.time_s);

function mark(number) {
  if (chosen !== number) suggestions = [];
  chosen = number;
  marks.push({ time_s: Math.round(1000 * player.now()) / 1000, label: labels[number] });
  marks.sort((a, b) => a.time_s - b.time_s);
  say(byId("tag-said"), `${labels[number]} at ${clock(player.now(), true)}.`);
  changed();
}

function changed() {
  localStorage.setItem(place(), JSON.stringify({ labels, marks, rejected }));
  byId("labels").replaceChildren(...labels.map((name, number) => make("button", {
    class: "chip", "aria-pressed": String(number === chosen), onclick: () => mark(number),
  }, make("kbd", {}, String(number + 1)), `${name} · ${marks.filter((each) => each.label === name).length}`)));
  byId("marks").replaceChildren(...marks.map((each) => make("li", {},
    make("button", { class: "go", onclick: () => player.seek(each.time_s - 1) }, clock(each.time_s, true)),
    make("span", {}, each.label),
    make("button", { class: "num", "aria-label": `Delete ${each.label} at ${clock(each.time_s)}`, onclick: () => {
      marks = marks.filter((other) => other !== each);
      changed();
    } }, "✕"))));
  byId("alike").disabled = !own(marks).length;
  byId("alike").textContent = own(marks).length ? `Find moments like ${labels[chosen]}` : "Mark a moment first";
  byId("save").disabled = !marks.length;
  draw();
  player.changed();
}

/** While one question is under way the next one waits, and only the last of them is asked. */
async function suggest() {
  if (busy) return (due = true);
  busy = true;
  const said = byId("tag-said");
  try {
    const body = { accepted: own(marks), rejected: own(rejected), count: COUNT };
    const reply = await player.again(`/v1/matches/${match.id}/alike`, body, byId("tag-progress"));
    if (!reply) return;
    suggestions = reply.moments;
    picked = 0;
    say(said, suggestions.length ? `${reply.refitted ? "Refitted" : "Found"}: ${suggestions.length} to judge.` : "No other moment is left.");
    draw();
  } catch (error) {
    say(said, error.message, true);
  } finally {
    busy = false;
    if (due) {
      due = false;
      if (own(marks).length) suggest();
    }
  }
}

function judge(number, right) {
  const each = suggestions.splice(number, 1)[0];
  (right ? marks : rejected).push({ time_s: each.time_s, label: labels[chosen] });
  marks.sort((a, b) => a.time_s - b.time_s);
  picked = Math.min(number, suggestions.length - 1);
  changed();
  suggest();
}

function draw() {
  const had = byId("suggestions").contains(document.activeElement);
  byId("suggestions").replaceChildren(...suggestions.map((each, number) => {
    const at = clock(each.time_s, true);
    const pick = make("button", { class: "pick", "aria-current": number === picked ? "true" : false,
      onfocus: () => { picked = number; }, onclick: () => { picked = number; player.seek(each.time_s - 1); } },
    make("img", { src: `/v1/matches/${match.id}/frame?t=${each.time_s}`, alt: "", loading: "lazy" }),
    make("span", {}, `${at} · ${percent(Math.max(0, each.likeness))}`));
    return make("li", {}, pick, make("div", { class: "tools" },
      make("button", { "aria-label": `Accept ${at}`, onclick: () => judge(number, true) }, "✓"),
      make("button", { "aria-label": `Reject ${at}`, onclick: () => judge(number, false) }, "✕")));
  }));
  if (had) byId("suggestions").children[picked]?.querySelector(".pick").focus();
}

async function save() {
  try {
    const reply = await ask("POST", `/v1/matches/${match.id}/labels`, { marks, format: byId("format").value });
    const name = reply.headers.get("content-disposition").split('"')[1];
    const link = make("a", { href: URL.createObjectURL(await reply.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    say(byId("tag-said"), `${name}: put it beside the video, and preseason fit ${name} learns from it.`);
  } catch (error) {
    say(byId("tag-said"), error.message, true);
  }
}
