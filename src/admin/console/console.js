// The operator console: reads the admin API once, then follows its events. No framework and no build: what you read is what runs.

import { banByHand, loadBans, showBans } from "./bans.js";
import { byId, element, fill, row } from "./elements.js";
import { patchChildren } from "./patch.js";
import { number, speak, time, word } from "./strings.js";

const api = "/api/v1";

/** Everything shown, by id. Records are kept newest first. */
const state = { meetings: new Map(), participants: new Map(), calls: new Map(), trunks: [], records: [] };
let token = takeToken();
let stream = null;
/** Counts who follows the events: another token has another follower. */
let turn = 0;

/** The token of the address's fragment (`#token=...`, never sent to a server), else of this tab. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    history.replaceState(null, "", location.pathname);
    sessionStorage.setItem("token", given);
  }
  return given ?? sessionStorage.getItem("token");
}

class Refused extends Error {}

/** Asks the API; resolves with what it answers. */
async function ask(method, path, body) {
  return (await answered(method, path, body)).answer;
}

/** Asks for a list; null where this token may not have it. */
async function askList(path) {
  const { response, answer } = await answered("GET", path, undefined, 403);
  return response.status === 403 ? null : { items: answer, total: Number(response.headers.get("x-total-count") ?? answer.length) };
}

async function answered(method, path, body, expected) {
  const response = await fetch(api + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  if (response.status === 401) throw new Refused(word("wrongToken"));
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok && response.status !== expected) throw new Error(answer.detail ?? response.statusText);
  return { response, answer };
}

// --- acting ---

/** A button that says what went wrong, and cannot be pressed twice. */
function button(label, about, action, extra = {}) {
  const made = element("button", { type: "button", "aria-label": `${label} ${about}`, "data-key": label, ...extra }, label);
  made.action = action;
  made.addEventListener("click", async () => {
    made.disabled = true;
    await attempt(made.action);
    made.disabled = false;
  });
  return made;
}

async function attempt(action) {
  try {
    await action();
    say("");
  } catch (error) {
    if (error instanceof Refused) signOut(error.message);
    else say(error.message);
  }
}

function say(text) {
  byId("message").textContent = text;
  byId("message").hidden = text === "";
}

// --- showing ---

const stateClass = (name) => (name === "joined" ? "good" : name === "lobby" || name === "waiting" ? "wait" : "");

function audioText(audio) {
  if (!audio) return "";
  return word("audioText", audio.codec, audio.srtp, number(audio.lossPercent, 1), number(audio.jitterMs, 0));
}

function nameOf(id) {
  const person = state.participants.get(id);
  return person ? person.displayName || person.address : word("somebody");
}

function showPerson(person) {
  const path = `/meetings/${encodeURIComponent(person.meetingId)}/participants/${encodeURIComponent(person.id)}`;
  const act = (action) => async () => place("participants", await ask("POST", `${path}/${action}`));
  const name = person.displayName || person.address;
  const waits = person.state === "lobby" || person.state === "waiting";
  return element(
    "li",
    { class: person.talking ? "talking" : "", "data-key": person.id },
    element(
      "div",
      { class: "person" },
      element("strong", {}, name),
      element(
        "small",
        {},
        element("span", { class: stateClass(person.state) }, word("states", person.state)),
        ` · ${word("roles", person.role)} · ${word("trusts", person.trust)} · ${person.protocol.toUpperCase()}${person.muted ? ` · ${word("muted")}` : ""}`,
        person.hand ? element("span", { class: "hand" }, ` · ✋ ${word("hand")}`) : null,
      ),
      person.audio ? element("small", {}, audioText(person.audio)) : null,
      person.notSeenBy.length > 0 ? element("small", {}, word("notSeen", person.notSeenBy.map(nameOf).join(", "))) : null,
    ),
    element(
      "div",
      { class: "actions" },
      waits ? button(word("admit"), name, act("admit"), { class: "primary" }) : null,
      person.state === "joined"
        ? person.muted
          ? button(word("unmute"), name, act("unmute"))
          : button(word("mute"), name, act("mute"))
        : null,
      button(word("remove"), name, act("remove")),
    ),
  );
}

function showMeeting(meeting) {
  const people = [...state.participants.values()].filter((person) => person.meetingId === meeting.id && person.state !== "left");
  const order = ["lobby", "waiting", "joined", "ivr", "connecting"];
  people.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || a.displayName.localeCompare(b.displayName));
  const tags = [
    meeting.language === "de" ? word("german") : null,
    meeting.hasGuestPin || meeting.hasHostPin ? "PIN" : null,
    meeting.lobby ? word("lobby") : null,
    meeting.waitForHost ? word("waitsForHost") : null,
    meeting.endToEndEncrypted ? word("endToEnd") : null,
    meeting.locked ? word("locked") : null,
    meeting.maxParticipants ? word("atMost", meeting.maxParticipants) : null,
    ...meeting.aliases,
  ].filter(Boolean);
  return element(
    "article",
    { class: "card", "aria-label": `${word("meeting")} ${meeting.id}`, "data-key": meeting.id },
    element("header", {}, element("h3", {}, meeting.name), element("span", { class: "id" }, meeting.id)),
    tags.length ? element("ul", { class: "tags" }, ...tags.map((tag) => element("li", { class: "tag" }, tag))) : null,
    people.length ? element("ul", { class: "people" }, ...people.map(showPerson)) : element("p", { class: "empty" }, word("nobody")),
  );
}

function showCall(call) {
  const party = call.direction === "in" ? call.from : call.to;
  return row("calls", call.id, [
    [time(call.startedAt), "nowrap"],
    [word(call.direction === "in" ? "from" : "to", party)],
    [call.meetingId ?? ""],
    [word("states", call.state), stateClass(call.state)],
    [`${call.trunk ?? word("unknown")} (${call.protocol} ${call.tls ?? call.transport})`],
    [audioText(call.audio)],
    [button(word("end"), word("theCall", party), async () => ask("DELETE", `/calls/${encodeURIComponent(call.id)}`))],
  ]);
}

function showTrunk(trunk) {
  const reach = trunk.reachable ? word("reachable") : word("unreachable", trunk.unreachableReason);
  return row("trunks", trunk.name, [
    [trunk.certificatePurpose === "server-allowed" ? word("serverCertificate", trunk.name) : trunk.name],
    [word("trusts", trunk.trust)],
    [trunk.srtp],
    [trunk.maxCalls ? word("ofMost", trunk.calls, trunk.maxCalls) : String(trunk.calls)],
    [trunk.target ? trunk.target + (trunk.reachable === null ? "" : `, ${reach}`) : "", trunk.reachable === false ? "bad" : ""],
  ]);
}

function showRecord(record) {
  const media = record.codec
    ? word("mediaText", record.codec, record.srtp, record.lossPercent === null ? null : number(record.lossPercent, 1))
    : "";
  return row("records", record.id, [
    [time(record.endedAt), "nowrap"],
    [record.from],
    [record.to],
    [
      record.sipStatus ? `${record.outcome} (${record.sipStatus})` : record.outcome,
      record.outcome === "completed" ? "good" : record.sipStatus || record.outcome === "far-end-unreachable" ? "bad" : "",
    ],
    [record.reason],
    [media],
  ]);
}

/** Shows everything as it is now, at most once a frame. */
let drawing = false;
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const meetings = [...state.meetings.values()].sort((a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }));
    patchChildren(byId("meetings"), meetings.map(showMeeting));
    fillChoices(meetings);
    const calls = [...state.calls.values()].sort((a, b) => b.startedAt.localeCompare(a.startedAt));
    byId("calls-count").textContent = calls.length ? String(calls.length) : "";
    fill("calls", calls.slice(0, 200).map(showCall), word("noCalls"));
    fill("trunks", state.trunks.map(showTrunk), word("noTrunks"));
    showBans(button, ask, draw);
    fill("records", state.records.slice(0, 50).map(showRecord), word("noRecords"));
  });
}

function fillChoices(meetings) {
  const choice = document.querySelector("#dial-out select");
  const wanted = meetings.map((meeting) => meeting.id).join();
  if (choice.dataset.ids === wanted) return;
  choice.dataset.ids = wanted;
  choice.replaceChildren(...meetings.map((meeting) => element("option", { value: meeting.id }, `${meeting.id} ${meeting.name}`)));
}

function place(kind, thing) {
  state[kind].set(thing.id, thing);
  draw();
}

function remove(kind, id) {
  state[kind].delete(id);
  draw();
}

// --- following ---

const on = {
  call: (call) => place("calls", call),
  "call-ended": (record) => {
    state.calls.delete(record.id);
    for (const person of state.participants.values()) if (person.callId === record.id) state.participants.delete(person.id);
    state.records = [record, ...state.records.filter((known) => known.id !== record.id)].slice(0, 200);
    draw();
  },
  participant: (person) => (person.state === "left" ? remove("participants", person.id) : place("participants", person)),
  meeting: (meeting) => place("meetings", meeting),
  "meeting-deleted": ({ id }) => remove("meetings", id),
};

async function load() {
  const [meetings, participants, calls, records] = await Promise.all(
    ["/meetings", "/participants", "/calls", "/records?limit=50"].map((path) => ask("GET", path)),
  );
  await Promise.all([loadTrunks(), loadBans(askList)]);
  const keyed = (list) => new Map(list.map((thing) => [thing.id, thing]));
  Object.assign(state, {
    meetings: keyed(meetings),
    calls: keyed(calls),
    records,
    participants: keyed(participants.filter((person) => person.state !== "left")),
  });
  draw();
}

/** Where this token may not, as one that is limited to some meetings, there is no such section. */
async function loadTrunks() {
  const list = await askList("/trunks");
  byId("trunks-section").hidden = list === null;
  state.trunks = list?.items ?? [];
}

/** Follows the events; EventSource cannot send the token, fetch can. Comes back by itself, and reads everything anew then. */
async function follow() {
  const own = ++turn;
  let wait = 500;
  while (token && own === turn) {
    stream = new AbortController();
    try {
      const response = await fetch(`${api}/events`, { headers: { authorization: `Bearer ${token}` }, signal: stream.signal });
      if (own !== turn) return;
      if (response.status === 401) return signOut(word("wrongToken"));
      if (!response.ok) throw new Error(response.statusText);
      await load();
      byId("sign-in").hidden = true;
      byId("main").hidden = false;
      byId("sign-out").hidden = false;
      wait = 500;
      await health();
      await readEvents(response.body);
    } catch (error) {
      if (error instanceof Refused && own === turn) return signOut(error.message);
    }
    if (!token || own !== turn) return;
    connected(false, word("lost"));
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 10_000);
  }
}

async function readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(
        part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()]),
      );
      if (fields.event && on[fields.event]) on[fields.event](JSON.parse(fields.data));
    }
  }
}

async function health() {
  const found = await (await fetch(`${api}/health`)).json();
  const down = Object.entries(found.engines)
    .filter(([, up]) => !up)
    .map(([name]) => name);
  connected(found.status, down.length ? word("down", found.status, down.join(", ")) : word("version", found.status, found.version));
}

function connected(status, text) {
  document.querySelector(".dot").className = `dot ${status === "ok" ? "on" : status ? "part" : ""}`;
  byId("status-text").textContent = text;
}

function signOut(reason = "") {
  token = null;
  sessionStorage.removeItem("token");
  stream?.abort();
  byId("main").hidden = true;
  byId("sign-out").hidden = true;
  byId("sign-in").hidden = false;
  byId("sign-in-error").textContent = reason;
  connected(false, word("notConnected"));
  byId("token").focus();
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  byId("token").value = "";
  byId("sign-in-error").textContent = "";
  sessionStorage.setItem("token", token);
  follow();
});
byId("sign-out").addEventListener("click", () => signOut());
byId("language").addEventListener("change", () => inLanguage(byId("language").value));
byId("ban-by-hand").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await banByHand(event.target, ask);
    draw();
  });
});
byId("dial-out").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  attempt(async () => {
    place("calls", await ask("POST", "/calls", { uri: form.uri.value.trim(), meetingId: form.meetingId.value }));
    form.uri.value = "";
  });
});
// What changes without an event: counts of trunks, whether they are reachable, audio's figures.
setInterval(() => {
  if (!token || byId("main").hidden || document.hidden) return;
  attempt(async () => {
    const [calls] = await Promise.all([ask("GET", "/calls"), loadTrunks(), loadBans(askList), health()]);
    for (const call of calls) state.calls.set(call.id, call);
    draw();
  });
}, 5000);

/** Says everything in a language. */
function inLanguage(chosen) {
  speak(chosen);
  for (const choice of document.querySelectorAll("#ban-by-hand option"))
    if (choice.value !== "0") choice.textContent = word("durations", choice.value);
  if (!token) connected(false, word("notConnected"));
  else if (!byId("main").hidden) attempt(health);
  draw();
}

// a link with a token, opened in this tab, changes the fragment only
addEventListener("hashchange", () => {
  const before = token;
  token = takeToken();
  if (token === before) return;
  byId("sign-in-error").textContent = "";
  stream?.abort();
  follow();
});

const preferred = navigator.language?.startsWith("de") ? "de" : "en";
byId("language").value = preferred;
inLanguage(preferred);
if (token) follow();
else signOut();
