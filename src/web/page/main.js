import { EnterView, rememberMeeting } from "./enter.js";
import { MeetingView } from "./meeting.js";
import { Session } from "./session.js";
import { language, say, speak } from "./strings.js";
import { WayView } from "./way.js";

const $ = (id) => document.getElementById(id);
/** Further pictures that fit. */
const PICTURES = matchMedia("(max-width: 40rem)").matches ? 2 : 5;

document.body.append(Object.assign(document.createElement("audio"), { id: "sound", autoplay: true }));

let session;
let joined = false;
let last;

const announce = (text) => {
  $("live").textContent = text;
};
const way = new WayView(
  (keys) => session.send({ type: "keys", keys }),
  () => leave(),
);
const meeting = new MeetingView(announce, () => leave());
const enter = new EnterView(join);
/** The join token that the address brought. It stays in this page's memory, and nowhere else. */
let token;

/** Whether a PIN may stand behind the number, in whatever way it is written: `2000**1234`, `2000-1234`. */
const mayHoldPin = (number) => /[^A-Za-z0-9._+-]|[._+-][0-9]/.test(number.replace(/^\+/, ""));

/**
 * What the address says: `#meeting=1000&name=Ada&token=...`. A token, and a number with what may be a PIN behind it, is taken out of the address, and so out of
 * the history, at once.
 */
function fromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const query = new URLSearchParams(location.search);
  const meeting = given.get("meeting") ?? query.get("meeting") ?? undefined;
  const secret = [...(given.has("token") || query.has("token") ? ["token"] : []), ...(meeting && mayHoldPin(meeting) ? ["meeting"] : [])];
  if (secret.length > 0) {
    if (secret.includes("token")) token = given.get("token") || query.get("token") || undefined;
    for (const name of secret) {
      given.delete(name);
      query.delete(name);
    }
    const search = query.size > 0 ? `?${query}` : "";
    history.replaceState(null, "", location.pathname + search + (given.size > 0 ? `#${given}` : ""));
  }
  return { meeting, name: given.get("name") ?? undefined };
}

function join({ name, meeting: number }, tracks) {
  joined = false;
  enter.hide();
  way.show("opening");
  const request = { meeting: number, name, language: language(), pictures: PICTURES, ...(token ? { token } : {}) };
  session = new Session(request, {
    message: take,
    media: (mid, track) => meeting.media(mid, track),
    connection,
    rejoining: () => {
      joined = false;
      meeting.hide();
      way.show("rejoining");
    },
    gone: over,
  });
  meeting.begin(session, tracks);
  // for whoever looks into what the connection does
  window.crosspoint = session;
  session.start();
}

function take(message) {
  if (message.type === "ended") return over(message.code);
  if (message.type === "meeting") rememberMeeting(message.id);
  if (message.type !== "dialogue") return meeting.take(message);
  if (message.state !== "joined") return way.show(message.state, message);
  if (joined) return;
  joined = true;
  way.hide();
  meeting.show();
  announce(say("joined"));
}

function connection(state) {
  $("connection").textContent = state === "connected" ? "" : say(state);
  document.body.dataset.connection = state;
}

function leave() {
  session?.leave();
  over("left");
}

function over(code) {
  last = code;
  // the next attempt goes without it
  if (code.startsWith("token-")) token = undefined;
  meeting.end();
  meeting.hide();
  way.hide();
  const ends = say("ends");
  const [heading, text] = ends[code] ?? ends.other;
  $("over").hidden = false;
  $("over-heading").textContent = heading;
  $("over-text").textContent = text;
  $("over-heading").focus();
  $("title").textContent = "Crosspoint";
  document.title = "Crosspoint";
  connection("connected");
}

$("again").addEventListener("click", () => {
  $("over").hidden = true;
  enter.show();
  enter.prepare();
});
$("language").addEventListener("change", () => {
  speak($("language").value);
  way.again();
  meeting.again();
  if (!$("over").hidden) over(last);
});
// a page that is closed says so, instead of being missed
addEventListener("pagehide", () => session?.leave());

const preferred = navigator.language?.startsWith("de") ? "de" : "en";
$("language").value = preferred;
speak(preferred);
enter.show(fromAddress());
// a link opened in this tab changes the fragment only
addEventListener("hashchange", () => {
  enter.take(fromAddress());
  if (!$("over").hidden) $("again").click();
});
enter.prepare();
