import { EnterView } from "./enter.js";
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

/** What the address says: `#meeting=1000&name=Ada&token=...`; a token does not stay there. */
function fromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const query = new URLSearchParams(location.search);
  const token = given.get("token");
  if (token) {
    keep(token);
    given.delete("token");
    history.replaceState(null, "", location.pathname + location.search + (given.size > 0 ? `#${given}` : ""));
  }
  return { meeting: given.get("meeting") ?? query.get("meeting") ?? undefined, name: given.get("name") ?? undefined };
}

function keep(token) {
  try {
    sessionStorage.setItem("token", token);
  } catch {
    // a browser that keeps nothing
  }
}

function kept() {
  try {
    return sessionStorage.getItem("token") ?? undefined;
  } catch {
    return undefined;
  }
}

function join({ name, meeting: number }, tracks) {
  joined = false;
  enter.hide();
  way.show("opening");
  const token = kept();
  const request = { meeting: number, name, language: language(), pictures: PICTURES, ...(token ? { token } : {}) };
  session = new Session(request, {
    message: take,
    media: (mid, track) => meeting.media(mid, track),
    connection,
    gone: over,
  });
  meeting.begin(session, tracks);
  // for whoever looks into what the connection does
  window.crosspoint = session;
  session.start();
}

function take(message) {
  if (message.type === "ended") return over(message.code);
  if (message.type !== "dialogue") return meeting.take(message);
  if (message.state !== "joined") return way.show(message.state, message.attempt);
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
enter.prepare();
