import { deviceError, listDevices, openCamera, openMicrophone, showLevel } from "./devices.js";
import { say } from "./strings.js";

const $ = (id) => document.getElementById(id);
const FIELDS = ["name", "meeting"];
const OPENING_MS = 3_000;

/** The form before a meeting: who, where to, and with which devices. */
export class EnterView {
  #tracks = { audio: null, camera: null };
  #opening = { audio: null, camera: null };
  #joining = false;
  #levelOff = () => {};
  #onJoin;

  /** @param onJoin called with `{name, meeting}` and the tracks, which are the meeting's from then on */
  constructor(onJoin) {
    this.#onJoin = onJoin;
    forgetTyped();
    $("enter-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#join();
    });
    $("use-microphone").addEventListener("change", () => this.#use("audio"));
    $("use-camera").addEventListener("change", () => this.#use("camera"));
    $("microphone").addEventListener("change", () => this.#use("audio"));
    $("camera").addEventListener("change", () => this.#use("camera"));
    $("speaker").addEventListener("change", () =>
      $("sound")
        .setSinkId?.($("speaker").value)
        .catch(() => this.#complain("other")),
    );
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.list());
  }

  show(values = {}) {
    $("enter").hidden = false;
    for (const key of FIELDS) if (!$(key).value) $(key).value = values[key] ?? read(key);
    const first = $("name").value === "" ? $("name") : $("meeting").value === "" ? $("meeting") : $("join");
    first.focus();
    this.list();
    if (!navigator.mediaDevices) this.#complain("insecure");
  }

  /** Values of a link that was opened meanwhile go before what stands in the form. */
  take(values) {
    for (const key of FIELDS) if (values[key]) $(key).value = values[key];
  }

  hide() {
    $("enter").hidden = true;
    this.#levelOff();
  }

  /** Lists the devices; their names are known once one may be used. */
  async list() {
    await listDevices($("microphone"), "audioinput", say("microphones"));
    await listDevices($("camera"), "videoinput", say("cameras"));
    const speakers = await listDevices($("speaker"), "audiooutput", say("speakers"));
    $("speaker-row").hidden = speakers < 2 || !("setSinkId" in HTMLMediaElement.prototype);
  }

  /** Opens both devices, and says what is missing without keeping anybody from joining. */
  async prepare() {
    $("use-microphone").checked = true;
    $("use-camera").checked = true;
    await Promise.all([this.#use("audio"), this.#use("camera")]);
  }

  /** Devices that are just being opened come along; the browser's question is not waited for without end. */
  async #join() {
    if (this.#joining) return;
    this.#joining = true;
    await Promise.race([Promise.all(Object.values(this.#opening)), new Promise((resolve) => setTimeout(resolve, OPENING_MS))]);
    this.#joining = false;
    const values = Object.fromEntries(FIELDS.map((key) => [key, $(key).value.trim()]));
    // what was typed as the meeting may have a PIN in it, or be one: kept is only what the gateway calls the meeting, once inside
    if (values.name.replace(/\D/g, "").length < 3) write("name", values.name);
    const tracks = this.#tracks;
    this.#tracks = { audio: null, camera: null };
    this.#onJoin(values, tracks);
  }

  async #use(kind) {
    const [box, select, open] =
      kind === "audio" ? [$("use-microphone"), $("microphone"), openMicrophone] : [$("use-camera"), $("camera"), openCamera];
    this.#tracks[kind]?.stop();
    this.#tracks[kind] = null;
    if (box.checked) {
      try {
        const opening = open(select.value);
        this.#opening[kind] = opening.catch(() => null);
        const track = await opening;
        // asked for too late: the meeting has begun without it
        if ($("enter").hidden) return track.stop();
        this.#tracks[kind] = track;
        this.#complain(null);
        await this.list();
      } catch (error) {
        box.checked = false;
        this.#complain(deviceError(error));
      }
    }
    if (kind === "audio") {
      this.#levelOff();
      this.#levelOff = this.#tracks.audio ? showLevel(this.#tracks.audio, $("level")) : () => {};
    } else {
      $("preview").srcObject = this.#tracks.camera && new MediaStream([this.#tracks.camera]);
      $("preview").hidden = !this.#tracks.camera;
      $("preview-none").hidden = !!this.#tracks.camera;
    }
  }

  #complain(problem) {
    $("device-error").hidden = problem === null;
    if (problem !== null) $("device-error").textContent = say("deviceErrors")[problem];
  }
}

/** Keeps the number of a meeting that was come into, as the gateway says it, for the next visit. */
export function rememberMeeting(number) {
  write("meeting", number);
}

/** Names in the browser's storage. What was kept as `crosspoint-meeting` was as typed, and goes. */
const STORED = { name: "crosspoint-name", meeting: "crosspoint-joined" };
const TYPED = "crosspoint-meeting";

function forgetTyped() {
  try {
    localStorage.removeItem(TYPED);
  } catch {
    // a browser that keeps nothing
  }
}

function read(key) {
  try {
    return localStorage.getItem(STORED[key]) ?? "";
  } catch {
    return "";
  }
}

function write(key, value) {
  try {
    localStorage.setItem(STORED[key], value);
  } catch {
    // a browser that keeps nothing
  }
}
