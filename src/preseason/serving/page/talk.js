/** A conversation, word by word as the model says it. */

import { ask } from "./api.js";
import { byId, chips, make, say } from "./dom.js";

let model, said, stopper;

export function openTalk(models) {
  model = models[0].id;
  chips(byId("talk-models"), "talk-model", models.map((each) => each.id), model, (name) => {
    model = name;
    begin();
  });
  byId("talk-form").onsubmit = (event) => {
    event.preventDefault();
    const text = byId("talk-text").value.trim();
    if (text && !stopper) answer(text);
  };
  byId("talk-stop").onclick = () => stopper?.abort();
  byId("talk-new").onclick = begin;
  begin();
}

function begin() {
  stopper?.abort();
  said = [];
  byId("log").replaceChildren();
  say(byId("talk-said"), "");
}

async function answer(text) {
  byId("talk-text").value = "";
  said.push({ role: "user", content: text });
  line("user", text);
  const shown = line("assistant", "…");
  stopper = new AbortController();
  busy(true);
  let whole = "";
  try {
    const reply = await ask("POST", "/v1/chat/completions", { model, messages: said, stream: true }, stopper.signal);
    for await (const chunk of events(reply.body)) {
      if (chunk.error) throw new Error(chunk.error.message);
      whole += chunk.choices?.[0]?.delta?.content ?? "";
      shown.textContent = whole || "…";
      for (const { source } of chunk.sources ?? []) shown.after(make("p", { class: "source" }, source));
      byId("log").scrollTop = byId("log").scrollHeight;
    }
    say(byId("talk-said"), "");
  } catch (error) {
    if (error.name !== "AbortError") say(byId("talk-said"), error.message, true);
    if (!whole) shown.remove();
  }
  if (whole) said.push({ role: "assistant", content: whole });
  else said.pop();
  stopper = undefined;
  busy(false);
  byId("talk-text").focus();
}

function busy(on) {
  byId("talk-stop").hidden = !on;
  byId("talk-send").disabled = on;
}

function line(role, text) {
  const shown = make("p", { class: role }, text);
  byId("log").append(shown);
  byId("log").scrollTop = byId("log").scrollHeight;
  return shown;
}

/** The objects of a stream of server-sent events. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const parts = held.split("\n\n");
    held = parts.pop();
    for (const part of parts) {
      const data = part.replace(/^data: /, "");
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}
