import { deviceError, openCamera, openMicrophone, openScreen } from "./devices.js";
import { element, Stage } from "./stage.js";
import { say } from "./strings.js";

const $ = (id) => document.getElementById(id);
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

/** The meeting itself: pictures, people, and what one can do. */
export class MeetingView {
  #stage = new Stage($("stage"));
  #people = new Map();
  #session;
  #self;
  #tracks = { audio: null, camera: null, slides: null };
  /** What one has chosen oneself, whatever a host does. */
  #muted = false;
  #announce;
  #leave;
  #asked = 0;

  constructor(announce, leave) {
    this.#announce = announce;
    this.#leave = leave;
    $("mute").addEventListener("click", () => this.#toggleMute());
    $("film").addEventListener("click", () => this.#toggleCamera());
    $("share").addEventListener("click", () => this.#toggleShare());
    $("leave").addEventListener("click", () => this.#leave());
    $("hear").addEventListener("click", () => this.#hear());
    for (const [button, panel] of [
      ["show-people", "people"],
      ["show-keypad", "keypad"],
    ]) {
      $(button).addEventListener("click", () => this.#open(button, panel, $(button).getAttribute("aria-expanded") !== "true"));
    }
    $("keypad-keys").append(
      ...KEYS.map((key) =>
        element("button", { type: "button", textContent: key, onclick: () => this.#session.send({ type: "keys", keys: key }) }),
      ),
    );
    $("at-the-door-show").addEventListener("click", () => this.#open("show-people", "people", true));
    $("share").hidden = !navigator.mediaDevices?.getDisplayMedia;
  }

  /** A new visit begins: the tracks are the meeting's from now on, also where it comes to nothing. */
  begin(session, tracks) {
    this.#session = session;
    this.#self = undefined;
    this.#tracks = { audio: tracks.audio, camera: tracks.camera, slides: null };
    this.#muted = tracks.audio === null;
    this.#people.clear();
    this.#stage.reset();
    this.#stage.own("camera", tracks.camera);
    for (const mid of ["audio", "camera"]) session.setTrack(mid, this.#tracks[mid]);
    this.#notice(null);
    this.#buttons();
  }

  show() {
    $("meeting-view").hidden = false;
    document.body.classList.add("in-meeting");
    this.#open("show-people", "people", matchMedia("(min-width: 60rem)").matches);
    this.#open("show-keypad", "keypad", false);
    if (this.#muted) this.#session.send({ type: "mute", muted: true });
    $("mute").focus();
  }

  hide() {
    $("meeting-view").hidden = true;
    document.body.classList.remove("in-meeting");
  }

  /** Devices are let go. */
  end() {
    for (const track of Object.values(this.#tracks)) track?.stop();
    this.#tracks = { audio: null, camera: null, slides: null };
    $("sound").srcObject = null;
  }

  media(mid, track) {
    if (track.kind === "video") return this.#stage.media(mid, track);
    $("sound").srcObject = new MediaStream([track]);
    this.#hear();
  }

  take(message) {
    switch (message.type) {
      case "welcome":
        this.#self = message.participant;
        this.#stage.self = message.participant;
        return;
      case "meeting":
        $("title").textContent = message.locked ? `${message.name} (${say("locked")})` : message.name;
        document.title = `${message.name} – Crosspoint`;
        return;
      case "roster":
        this.#people = new Map(message.participants.map((one) => [one.id, one]));
        return this.#changed();
      case "participant":
        return this.#participant(message.participant);
      case "shown":
        this.#stage.shown(message.mid, message);
        if (message.mid === "slides" && this.#stage.presenter) this.#announce(say("presents", this.#stage.presenter.name));
        return;
      case "presenting":
        return this.#presenting(message.somebody);
      case "share":
        return this.#shareState(message.state);
      case "error":
        return this.#notice(say("failed"));
    }
  }

  /** In another language. */
  again() {
    if (!this.#session) return;
    this.#changed();
    this.#buttons();
  }

  #participant(one) {
    const before = this.#people.get(one.id);
    if (one.state === "left") this.#people.delete(one.id);
    else this.#people.set(one.id, one);
    if (one.id === this.#self) this.#mutedByOthers(before, one);
    else if (one.state === "joined" && before?.state !== "joined") this.#announce(say("came", one.name));
    else if (one.state === "left" && before?.state === "joined") this.#announce(say("went", one.name));
    else if (one.state === "lobby" && before?.state !== "lobby") this.#announce(say("atTheDoor", [one.name]));
    if (one.hand && !before?.hand) this.#announce(say("raisedHand", one.name));
    this.#changed();
  }

  /** A host may mute, but not open somebody's microphone: that is only asked for. */
  #mutedByOthers(before, now) {
    if (!before || before.muted === now.muted || now.muted === this.#muted) return;
    if (now.muted) {
      this.#muted = true;
      this.#notice(say("mutedByHost"));
    } else {
      this.#notice(say("askedToUnmute"));
      this.#session.send({ type: "mute", muted: true });
    }
    this.#buttons();
  }

  #changed() {
    this.#stage.people(this.#people);
    const me = this.#people.get(this.#self);
    this.#lobby(me?.role === "host");
    const list = [...this.#people.values()].sort((a, b) => (a.state === "joined" ? 1 : 0) - (b.state === "joined" ? 1 : 0));
    $("people-count").textContent = String(list.filter(({ state }) => state === "joined").length);
    const kept = new Map([...$("roster").children].map((item) => [item.dataset.id, item]));
    const items = list.map((one) => this.#row(one, me?.role === "host", kept.get(one.id)));
    for (const [id, item] of kept) if (!this.#people.has(id)) item.remove();
    items.forEach((item, at) => {
      if ($("roster").children[at] !== item) $("roster").insertBefore(item, $("roster").children[at] ?? null);
    });
  }

  /** A host sees who waits in the lobby with the list of people closed, too. */
  #lobby(host) {
    const waiting = [...this.#people.values()].filter(({ state }) => state === "lobby");
    $("at-the-door").hidden = !host || waiting.length === 0 || !$("people").hidden;
    if ($("at-the-door").hidden) return;
    const names = waiting.map(({ name }) => name);
    write($("at-the-door-text"), say("atTheDoor", names.length > 3 ? [...names.slice(0, 2), say("more", names.length - 2)] : names));
    $("at-the-door-admit").hidden = waiting.length > 1;
    if (waiting.length > 1) return;
    write($("at-the-door-admit"), say("admit"));
    $("at-the-door-admit").setAttribute("aria-label", say("admitName", names[0]));
    $("at-the-door-admit").onclick = () => this.#session.send({ type: "act", participant: waiting[0].id, action: "admit" });
  }

  #row(one, host, kept) {
    const own = one.id === this.#self;
    const states = [
      own && say("you"),
      one.role === "host" && say("host"),
      one.state === "lobby" && say("waitingInLobby"),
      one.state === "waiting" && say("waitingForHost"),
      one.muted && say("muted"),
      one.talking && say("talking"),
      one.hand && `✋ ${say("handRaised")}`,
      own ? this.#notSeen(one) : one.notSeenBy.includes(this.#self) && say("notShownHere"),
    ].filter(Boolean);
    const item =
      kept ??
      element(
        "li",
        {},
        element("span", { className: "who" }),
        element("span", { className: "states" }),
        element("span", { className: "acts" }),
      );
    item.dataset.id = one.id;
    item.className = [one.talking && "talking", one.muted && "muted", one.state].filter(Boolean).join(" ");
    write(item.querySelector(".who"), one.name);
    write(item.querySelector(".states"), states.join(", "));
    const acts = !host || own ? [] : one.state === "lobby" ? ["admit", "remove"] : one.muted ? ["remove"] : ["mute", "remove"];
    const wanted = acts.join(" ");
    const place = item.querySelector(".acts");
    if (place.dataset.acts !== wanted) {
      place.dataset.acts = wanted;
      place.replaceChildren(...acts.map((action) => this.#act(one, action)));
    }
    return item;
  }

  /** Who cannot be shown one's own picture. */
  #notSeen({ notSeenBy }) {
    const names = notSeenBy.flatMap((id) => this.#people.get(id)?.name ?? []);
    return names.length > 0 && say("notSeenBy", names.length > 3 ? [...names.slice(0, 3), say("more", names.length - 3)] : names);
  }

  #act({ id, name }, action) {
    const button = element("button", {
      type: "button",
      textContent: say(action),
      onclick: () => this.#session.send({ type: "act", participant: id, action }),
    });
    button.setAttribute("aria-label", say(`${action}Name`, name));
    return button;
  }

  async #toggleMute() {
    this.#muted = !this.#muted;
    this.#notice(null);
    if (!this.#muted && !this.#tracks.audio) {
      try {
        this.#tracks.audio = await openMicrophone();
        await this.#session.setTrack("audio", this.#tracks.audio);
      } catch (error) {
        this.#muted = true;
        this.#notice(say("deviceErrors")[deviceError(error)]);
      }
    }
    this.#session.send({ type: "mute", muted: this.#muted });
    this.#buttons();
  }

  async #toggleCamera() {
    const before = this.#tracks.camera;
    this.#notice(null);
    try {
      this.#tracks.camera = before ? null : await openCamera();
    } catch (error) {
      this.#notice(say("deviceErrors")[deviceError(error)]);
    }
    before?.stop();
    this.#stage.own("camera", this.#tracks.camera);
    await this.#session.setTrack("camera", this.#tracks.camera);
    this.#buttons();
  }

  async #toggleShare() {
    this.#notice(null);
    if (this.#tracks.slides) return this.#stopSharing(true);
    try {
      const track = await openScreen();
      this.#tracks.slides = track;
      track.onended = () => this.#stopSharing(true);
    } catch (error) {
      // whoever closes the browser's question has changed his mind
      if (error?.name !== "NotAllowedError") this.#notice(say("deviceErrors")[deviceError(error)]);
      return;
    }
    const asked = ++this.#asked;
    this.#session.send({ type: "share", on: true });
    // an answer always comes; should it not, nothing is shown as shared
    setTimeout(() => {
      if (asked === this.#asked && this.#tracks.slides && $("share").getAttribute("aria-pressed") !== "true") this.#stopSharing(true);
    }, 5_000);
  }

  #shareState(state) {
    if (state === "granted" && this.#tracks.slides) {
      this.#session.setTrack("slides", this.#tracks.slides);
      this.#stage.own("slides", this.#tracks.slides);
      this.#buttons(true);
      return;
    }
    if (state === "granted") return this.#session.send({ type: "share", on: false });
    this.#stopSharing(false);
    this.#notice(say(state === "denied" ? "shareDenied" : "shareRevoked"));
  }

  #stopSharing(tell) {
    const track = this.#tracks.slides;
    if (!track) return;
    this.#asked++;
    track.onended = null;
    track.stop();
    this.#tracks.slides = null;
    this.#session.setTrack("slides", null);
    this.#stage.own("slides", null);
    if (tell) this.#session.send({ type: "share", on: false });
    this.#buttons();
  }

  #presenting(somebody) {
    const news = this.#stage.presenting(somebody);
    if (!news) return;
    const presenter = this.#stage.presenter;
    this.#announce(somebody ? (presenter ? say("presents", presenter.name) : say("sharedScreen")) : say("presentsNobody"));
  }

  #hear() {
    const sound = $("sound");
    sound.play().then(
      () => ($("hear").hidden = true),
      // without a click of the user's the browser may keep quiet
      () => ($("hear").hidden = false),
    );
  }

  #buttons(sharing = false) {
    if (this.#tracks.audio) this.#tracks.audio.enabled = !this.#muted;
    label("mute", say(this.#muted ? "unmute" : "mute"), this.#muted);
    label("film", say(this.#tracks.camera ? "cameraStop" : "cameraStart"), !this.#tracks.camera);
    const shares = sharing || (this.#tracks.slides !== null && $("share").getAttribute("aria-pressed") === "true");
    label("share", say(shares ? "shareStop" : "share"), shares);
    for (const [at, button] of [...$("keypad-keys").children].entries()) button.setAttribute("aria-label", say("key", KEYS[at]));
  }

  #open(button, panel, open) {
    $(button).setAttribute("aria-expanded", String(open));
    $(panel).hidden = !open;
    document.body.classList.toggle(`with-${panel}`, open);
    if (panel === "people") this.#lobby(this.#people.get(this.#self)?.role === "host");
  }

  #notice(text) {
    $("notice").hidden = text === null;
    if (text !== null) $("notice").textContent = text;
  }
}

function label(id, text, pressed) {
  $(id).querySelector("span").textContent = text;
  $(id).setAttribute("aria-pressed", String(pressed));
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
