/** What the page offers depends on the models: tabs, one view at a time. */

import { get, post } from "./api.js";
import { byId, make, say } from "./dom.js";
import { openAsk } from "./ask.js";
import { openTalk } from "./talk.js";
import { openMatch } from "./match.js";

const TABS = [["ask", "Ask"], ["talk", "Talk"], ["match", "Watch"]];

async function start() {
  const session = await get("/v1/session");
  if (session.key_needed) return askKey();
  const models = (await get("/v1/models")).data;
  const namers = models.filter((model) => model.noun);
  const talkers = models.filter((model) => model.talks);
  const offered = TABS.filter(([id]) => (id === "ask" ? namers.length : id === "talk" ? talkers.length : true));
  byId("tabs").replaceChildren(...offered.map(([id, title]) => make("a", { href: `#${id}` }, title)));
  if (namers.length) openAsk(namers, session);
  if (talkers.length) openTalk(talkers);
  openMatch(namers.filter((model) => model.spots));
  const show = () => {
    const named = location.hash.slice(1);
    view(offered.some(([id]) => id === named) ? named : offered[0][0]);
  };
  addEventListener("hashchange", show);
  show();
  document.body.dataset.ready = "yes";
}

function view(chosen) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== chosen;
  for (const link of byId("tabs").children) {
    if (link.hash === `#${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${document.querySelector(`#${chosen} h1`).textContent} · preseason`;
}

function askKey() {
  view("key");
  byId("key-form").onsubmit = async (event) => {
    event.preventDefault();
    try {
      await post("/v1/session", { key: byId("key-input").value });
      location.reload();
    } catch (error) {
      say(byId("key-said"), error.message, true);
    }
  };
  byId("key-input").focus();
}

start().catch((error) => {
  byId("main").prepend(make("p", { class: "notice", role: "alert" }, error.message));
});
