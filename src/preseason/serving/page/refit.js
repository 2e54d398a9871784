/** A finder fitted again with the boxes that were put right; it is used when a person says so. */

import { ask, get, post } from "./api.js";
import { byId, make, percent, say } from "./dom.js";

const WAIT_S = 5;
let model = null, again = () => {}, running = false;

const path = () => `/v1/models/${encodeURIComponent(model.id)}/refit`;

export function openRefit(changed) {
  again = changed;
  byId("refit-go").onclick = fit;
  byId("refit-stop").onclick = () => end("Stopped. What was learnt so far is kept for the next time.");
  byId("refit-leave").onclick = () => end("The old one goes on.");
  byId("refit-take").onclick = take;
}

/** The part of the page for a finder; null hides it. */
export function showRefit(shown) {
  model = shown ?? model;
  byId("refit").hidden = !shown;
}

function turn(on) {
  running = on;
  byId("refit-go").disabled = on;
  byId("refit-stop").hidden = byId("refit-progress").hidden = !on;
  if (on) byId("refit-table").hidden = byId("refit-choice").hidden = true;
}

async function fit() {
  const said = byId("refit-said");
  turn(true);
  say(said, "Beginning …");
  try {
    let reply = await post(path(), {});
    while (running && reply.status) {
      byId("refit-progress").value = reply.share;
      say(said, reply.stage ? `${reply.stage}: ${percent(reply.share)}` : "Waiting for its turn …");
      reply = await post(path(), { wait_s: WAIT_S });
    }
    if (running) compared(reply);
  } catch (error) {
    if (running) say(said, error.message, true);
  } finally {
    turn(false);
  }
}

function compared({ pictures, before, after }) {
  const rows = [["average precision", "ap", percent], ["at half overlap", "ap50", percent], ["faults", "faults", String]];
  byId("refit-table").replaceChildren(
    make("thead", {}, make("tr", {}, ...["", "old", "new"].map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows.map(([name, key, shown]) => make("tr", {}, make("th", { scope: "row" }, name),
      ...[before, after].map((each) => make("td", { class: "num" }, shown(each[key])))))));
  byId("refit-table").hidden = byId("refit-choice").hidden = false;
  say(byId("refit-said"), `On ${pictures} corrected ${pictures === 1 ? "picture" : "pictures"}; the new one by networks that had not seen them. Which one is to answer?`);
}

async function take() {
  try {
    await ask("PUT", path());
    Object.assign(model, await get(`/v1/models/${encodeURIComponent(model.id)}`));
    again();
    chosen("The new one answers now.");
  } catch (error) {
    say(byId("refit-said"), error.message, true);
  }
}

async function end(text) {
  running = false;
  chosen(text);
  try {
    await ask("DELETE", path());
  } catch (error) {
    say(byId("refit-said"), error.message, true);
  }
}

function chosen(text) {
  byId("refit-table").hidden = byId("refit-choice").hidden = true;
  say(byId("refit-said"), text);
}
