// The operator console: reads the admin API once, then follows its events. No framework and no build: what you read is what runs.

import { patchChildren } from "./patch.js";

const api = "/api/v1";
const byId = (id) => document.getElementById(id);

/** Everything shown, by id. Records are kept newest first. */
const state = { meetings: new Map(), participants: new Map(), calls: new Map(), trunks: [], records: [] };
let token = takeToken();
let stream = null;

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

async function ask(method, path, body) {
  const response = await fetch(api + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  if (response.status === 401) throw new Refused("The token is not right.");
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer.detail ?? response.statusText);
  return answer;
}

// --- making elements; text only ever goes in as text ---

/** `element("td", { class: "x", onclick }, "text", child)`. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

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

const clock = (iso) => (iso ? new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }) : "");
const stateWords = {
  connecting: "connecting",
  ivr: "in the dialogue",
  lobby: "in the lobby",
  waiting: "waits for the host",
  joined: "in",
  left: "left",
  ringing: "ringing",
  ending: "ending",
};
const stateClass = (name) => (name === "joined" ? "good" : name === "lobby" || name === "waiting" ? "wait" : "");

function audioText(audio) {
  if (!audio) return "";
  return `${audio.codec}, ${audio.srtp ?? "not encrypted"}, loss ${audio.lossPercent.toFixed(1)} %, jitter ${audio.jitterMs.toFixed(0)} ms`;
}

function nameOf(id) {
  const person = state.participants.get(id);
  return person ? person.displayName || person.address : "somebody";
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
        element("span", { class: stateClass(person.state) }, stateWords[person.state]),
        ` · ${person.role} · ${person.trust} · ${person.protocol.toUpperCase()}${person.muted ? " · muted" : ""}`,
        person.hand ? element("span", { class: "hand" }, " · ✋ hand raised") : null,
      ),
      person.audio ? element("small", {}, audioText(person.audio)) : null,
      person.notSeenBy.length > 0
        ? element("small", {}, `picture not seen by ${person.notSeenBy.map(nameOf).join(", ")}: other codec`)
        : null,
    ),
    element(
      "div",
      { class: "actions" },
      waits ? button("Admit", name, act("admit"), { class: "primary" }) : null,
      person.state === "joined" ? (person.muted ? button("Unmute", name, act("unmute")) : button("Mute", name, act("mute"))) : null,
      button("Remove", name, act("remove")),
    ),
  );
}

function showMeeting(meeting) {
  const people = [...state.participants.values()].filter((person) => person.meetingId === meeting.id && person.state !== "left");
  const order = ["lobby", "waiting", "joined", "ivr", "connecting"];
  people.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || a.displayName.localeCompare(b.displayName));
  const tags = [
    meeting.language === "de" ? "German" : null,
    meeting.hasGuestPin || meeting.hasHostPin ? "PIN" : null,
    meeting.lobby ? "lobby" : null,
    meeting.waitForHost ? "waits for host" : null,
    meeting.endToEndEncrypted ? "end-to-end encrypted" : null,
    meeting.locked ? "locked" : null,
    meeting.maxParticipants ? `at most ${meeting.maxParticipants}` : null,
    ...meeting.aliases,
  ].filter(Boolean);
  return element(
    "article",
    { class: "card", "aria-label": `Meeting ${meeting.id}`, "data-key": meeting.id },
    element("header", {}, element("h3", {}, meeting.name), element("span", { class: "id" }, meeting.id)),
    tags.length ? element("ul", { class: "tags" }, ...tags.map((tag) => element("li", { class: "tag" }, tag))) : null,
    people.length ? element("ul", { class: "people" }, ...people.map(showPerson)) : element("p", { class: "empty" }, "Nobody is in."),
  );
}

/** A table row; the labels are shown on a phone, where there is no head. */
function row(table, key, cells) {
  const labels = [...byId(table).querySelectorAll("th")].map((head) => head.textContent);
  return element(
    "tr",
    { "data-key": key },
    ...cells.map(([content, kind], i) =>
      element("td", { "data-label": labels[i], class: [kind, content === "" ? "none" : ""].filter(Boolean).join(" ") }, content),
    ),
  );
}

function showCall(call) {
  const party = call.direction === "in" ? call.from : call.to;
  return row("calls", call.id, [
    [clock(call.startedAt), "nowrap"],
    [`${call.direction === "in" ? "from" : "to"} ${party}`],
    [call.meetingId ?? ""],
    [stateWords[call.state], stateClass(call.state)],
    [`${call.trunk ?? "unknown"} (${call.protocol} ${call.transport})`],
    [audioText(call.audio)],
    [button("End", `call ${party}`, async () => ask("DELETE", `/calls/${encodeURIComponent(call.id)}`))],
  ]);
}

function showTrunk(trunk) {
  const why = trunk.unreachableReason ? ` (${trunk.unreachableReason})` : "";
  const reach = trunk.reachable === null ? "" : trunk.reachable ? ", reachable" : `, does not answer${why}`;
  return row("trunks", trunk.name, [
    [trunk.certificatePurpose === "server-allowed" ? `${trunk.name} (takes a server's certificate)` : trunk.name],
    [trunk.trust],
    [trunk.srtp],
    [`${trunk.calls}${trunk.maxCalls ? ` of ${trunk.maxCalls}` : ""}`],
    [trunk.target ? trunk.target + reach : "", trunk.reachable === false ? "bad" : ""],
  ]);
}

function showRecord(record) {
  const media = record.codec
    ? `${record.codec}${record.srtp ? `, ${record.srtp}` : ""}${record.lossPercent === null ? "" : `, loss ${record.lossPercent.toFixed(1)} %`}`
    : "";
  return row("records", record.id, [
    [clock(record.endedAt), "nowrap"],
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

function fill(table, rows, empty) {
  const columns = byId(table).querySelectorAll("th").length;
  const none = () => element("tr", { "data-key": "" }, element("td", { colspan: String(columns), class: "empty" }, empty));
  patchChildren(byId(table).tBodies[0], rows.length ? rows : [none()]);
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
    fill("calls", calls.slice(0, 200).map(showCall), "No calls.");
    fill("trunks", state.trunks.map(showTrunk), "No trunks.");
    fill("records", state.records.slice(0, 50).map(showRecord), "No calls have ended yet.");
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
  const [meetings, participants, calls, trunks, records] = await Promise.all(
    ["/meetings", "/participants", "/calls", "/trunks", "/records?limit=50"].map((path) => ask("GET", path)),
  );
  const keyed = (list) => new Map(list.map((thing) => [thing.id, thing]));
  Object.assign(state, {
    meetings: keyed(meetings),
    calls: keyed(calls),
    trunks,
    records,
    participants: keyed(participants.filter((person) => person.state !== "left")),
  });
  draw();
}

/** Follows the events; EventSource cannot send the token, fetch can. Comes back by itself, and reads everything anew then. */
async function follow() {
  let wait = 500;
  while (token) {
    stream = new AbortController();
    try {
      const response = await fetch(`${api}/events`, { headers: { authorization: `Bearer ${token}` }, signal: stream.signal });
      if (response.status === 401) return signOut("The token is not right.");
      if (!response.ok) throw new Error(response.statusText);
      await load();
      byId("sign-in").hidden = true;
      byId("main").hidden = false;
      byId("sign-out").hidden = false;
      wait = 500;
      await health();
      await readEvents(response.body);
    } catch (error) {
      if (error instanceof Refused) return signOut(error.message);
    }
    if (!token) return;
    connected(false, "Connection lost; trying again …");
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
  connected(
    found.status,
    down.length ? `${found.status}: ${down.join(", ")} does not answer` : `${found.status}, version ${found.version}`,
  );
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
  connected(false, "Not connected");
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
    const [trunks, calls] = await Promise.all([ask("GET", "/trunks"), ask("GET", "/calls"), health()]);
    state.trunks = trunks;
    for (const call of calls) state.calls.set(call.id, call);
    draw();
  });
}, 5000);

if (token) follow();
else signOut();
