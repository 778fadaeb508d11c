import { say } from "./strings.js";

/** Faces without a picture shown at most; the rest are in the list of people. */
const MAX_TILES = 16;

/**
 * The pictures: a tile for each participant, with his picture where a line shows it, his initials otherwise; the shared screen above all. The participant
 * on the line `camera` is the one who speaks and is shown large.
 */
export class Stage {
  #root;
  #people = new Map();
  #shown = new Map();
  #videos = new Map();
  #tiles = new Map();
  #self = null;
  #own = { camera: null, slides: null };
  #presenting = false;

  constructor(root) {
    this.#root = root;
  }

  /** Nobody, until `self` is told who one is. */
  reset() {
    this.#self = null;
    this.#own = { camera: null, slides: null };
    this.#people.clear();
    this.#shown.clear();
    this.#videos.clear();
    this.#tiles.clear();
    this.#presenting = false;
    this.#root.replaceChildren();
  }

  /** One's own participant. */
  set self(id) {
    this.#self = id;
    this.#draw();
  }

  /** What comes on a line. */
  media(mid, track) {
    const video = element("video", { autoplay: true, playsInline: true, muted: true });
    video.srcObject = new MediaStream([track]);
    // a line whose sender is gone shows its last picture for ever: without packets there is none
    track.onmute = track.onunmute = () => this.#draw();
    this.#videos.set(mid, { video, track });
    this.#draw();
  }

  shown(mid, { participant, stream, name }) {
    this.#shown.set(mid, { participant, stream, name });
    this.#draw();
  }

  /** Whether somebody else presents; returns whether that is news. */
  presenting(somebody) {
    const news = somebody !== this.#presenting;
    this.#presenting = somebody;
    this.#draw();
    return news;
  }

  get presenter() {
    const shown = this.#shown.get("slides");
    return this.#presenting && shown?.participant ? this.#people.get(shown.participant) : undefined;
  }

  /** One's own camera and screen, straight from the device. */
  own(kind, track) {
    this.#own[kind] = null;
    if (track) {
      const video = element("video", { autoplay: true, playsInline: true, muted: true, className: kind === "camera" ? "mirrored" : "" });
      video.srcObject = new MediaStream([track]);
      this.#own[kind] = video;
    }
    this.#draw();
  }

  people(people) {
    this.#people = people;
    this.#draw();
  }

  /** Which line's picture belongs on a participant's tile. */
  #pictureOf(id) {
    if (id === this.#self) return this.#own.camera;
    for (const [mid, { participant, stream }] of this.#shown) {
      const line = this.#videos.get(mid);
      if (mid !== "slides" && participant === id && stream === "camera" && line && !line.track.muted) return line.video;
    }
    return null;
  }

  #draw() {
    const speaker = this.#shown.get("camera")?.participant;
    const wanted = [];
    const screen = this.#screen();
    if (screen) wanted.push(screen);
    const people = [...this.#people.values()].filter(({ state }) => state === "joined").concat(this.#guests());
    const order = (one) => (one.id === speaker ? 0 : this.#pictureOf(one.id) ? 1 : one.id === this.#self ? 3 : 2);
    people.sort((a, b) => order(a) - order(b));
    for (const one of people.slice(0, MAX_TILES)) wanted.push(this.#person(one, one.id === speaker));
    const rest = people.length - MAX_TILES;
    if (rest > 0) wanted.push(this.#tile("rest", say("more", rest), null, "rest"));
    this.#root.classList.toggle("presenting", screen !== null);
    for (const [key, tile] of this.#tiles) {
      if (wanted.includes(tile)) continue;
      tile.remove();
      this.#tiles.delete(key);
    }
    // moved only where the order is another: a picture that is moved stands still for a moment
    wanted.forEach((tile, at) => {
      if (this.#root.children[at] !== tile) this.#root.insertBefore(tile, this.#root.children[at] ?? null);
    });
  }

  /** Who is shown without being in the roster: clients of the SFU's own. */
  #guests() {
    const guests = new Map();
    for (const { participant, stream, name } of this.#shown.values())
      if (participant && name !== undefined && stream === "camera" && !this.#people.has(participant))
        guests.set(participant, { id: participant, name });
    return [...guests.values()];
  }

  #screen() {
    if (this.#own.slides) return this.#tile("screen", say("yourScreen"), this.#own.slides, "screen own");
    const line = this.#videos.get("slides");
    if (!this.#presenting || !line) return null;
    const presenter = this.presenter;
    return this.#tile("screen", presenter ? say("screenOf", presenter.name) : say("screenNotShown"), line.video, "screen");
  }

  #person({ id, name, muted, talking, protocol }, isSpeaker) {
    const picture = this.#pictureOf(id);
    const own = id === this.#self;
    const states = [own && say("you"), muted && say("muted"), talking && say("talking")].filter(Boolean);
    const classes = ["person", isSpeaker && "speaker", talking && "talking", muted && "muted", own && "own", protocol]
      .filter(Boolean)
      .join(" ");
    return this.#tile(id, states.length > 0 ? `${name} (${states.join(", ")})` : name, picture, classes, initials(name));
  }

  #tile(key, caption, picture, classes, letters = "") {
    let tile = this.#tiles.get(key);
    if (!tile) {
      tile = element("li", {}, element("div", { className: "face", ariaHidden: "true" }), element("p", { className: "caption" }));
      tile.dataset.key = key;
      this.#tiles.set(key, tile);
    }
    tile.className = `tile ${classes}${picture ? " filmed" : ""}`;
    const [face, text] = [tile.querySelector(".face"), tile.querySelector(".caption")];
    if (face.textContent !== letters) face.textContent = letters;
    if (text.textContent !== caption) text.textContent = caption;
    const before = tile.querySelector("video");
    if (before !== picture) {
      before?.remove();
      if (picture) {
        tile.insertBefore(picture, text);
        picture.play?.().catch(() => {});
      }
    }
    return tile;
  }
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function initials(name) {
  const words = name
    .replace(/[^\p{L}\p{N} ]/gu, " ")
    .trim()
    .split(/\s+/);
  return words
    .slice(0, 2)
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
}
