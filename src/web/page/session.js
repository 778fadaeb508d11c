/** What is spoken with the gateway: the WebSocket, which may break and come back, and the media connection, which may be made anew. docs/operate/browsers.md. */

/** The gateway keeps a visit for two minutes, and lets its page in again for longer. */
const COME_BACK_FOR = 600_000;
const SILENT_AFTER = 16_000;
/** Bits per second at most. */
const CAMERA_BITRATE = 1_500_000;
const SCREEN_BITRATE = 2_500_000;

export class Session {
  #join;
  #on;
  #socket;
  #visit;
  #ended = false;
  #heard = 0;
  #watch;
  #peer;
  #generation = 0;
  #early = [];
  #tracks = new Map();
  #lostAt = 0;

  /**
   * @param join the `join` message
   * @param on handlers: message(message), media(mid, track), connection("connecting" | "connected" | "interrupted"), rejoining(), gone(code)
   */
  constructor(join, on) {
    this.#join = join;
    this.#on = on;
  }

  start() {
    this.#open({ type: "join", ...this.#join });
    this.#watch = setInterval(() => {
      if (!this.#socket || performance.now() - this.#heard <= SILENT_AFTER) return;
      // a connection that is dead does not close by itself
      const dead = this.#socket;
      this.#socket = undefined;
      dead.close();
      this.#closed(1006);
    }, 2_000);
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** The track sent on a line from now on, whatever becomes of the connection; null for none. */
  setTrack(mid, track) {
    this.#tracks.set(mid, track);
    const transceiver = this.#peer?.getTransceivers().find((one) => one.mid === mid);
    return transceiver ? this.#put(transceiver, track) : Promise.resolve();
  }

  async #put(transceiver, track) {
    await transceiver.sender.replaceTrack(track);
    await this.#limit(transceiver);
  }

  leave() {
    this.send({ type: "leave" });
    this.#end();
  }

  /** Figures of the connection, for those who look for them. */
  stats() {
    return this.#peer?.getStats();
  }

  #open(first) {
    const url = new URL("/api/v1/join", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#heard = performance.now();
    socket.onopen = () => socket.send(JSON.stringify(first));
    socket.onmessage = ({ data }) => {
      this.#heard = performance.now();
      this.#lostAt = 0;
      if (socket === this.#socket) this.#take(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    };
  }

  #closed(code) {
    if (this.#ended) return;
    this.#socket = undefined;
    if (!this.#visit || code === 4429) return this.#gone(this.#visit ? "signalling-lost" : code === 4429 ? "overload" : "unreachable");
    if (code === 4404) return this.#rejoin();
    this.#lostAt ||= performance.now();
    const lostFor = performance.now() - this.#lostAt;
    if (lostFor > COME_BACK_FOR) return this.#gone("signalling-lost");
    this.#on.connection("interrupted");
    setTimeout(() => !this.#ended && this.#open({ type: "resume", ...this.#visit }), Math.min(700 + lostFor / 10, 5_000));
  }

  /** The gateway has given the visit up meanwhile: another one, to the same meeting, for which it asks nothing again. */
  #rejoin() {
    this.#peer?.close();
    this.#peer = undefined;
    this.#generation = 0;
    this.#early = [];
    this.#on.connection("interrupted");
    this.#on.rejoining();
    this.#open({ type: "join", ...this.#join, rejoin: this.#visit });
  }

  #take(message) {
    switch (message.type) {
      case "beat":
        return;
      case "welcome":
        this.#visit = { visit: message.visit, secret: message.secret };
        this.#ice = { iceServers: message.iceServers, iceTransportPolicy: message.iceTransportPolicy };
        break;
      case "ice-servers":
        this.#ice = { iceServers: message.iceServers, iceTransportPolicy: message.iceTransportPolicy };
        return;
      case "resumed":
        if (this.#peer?.connectionState === "connected") this.#on.connection("connected");
        break;
      case "offer":
        this.#answer(message).catch((error) => {
          console.warn("the offer could not be answered", error);
          this.send({ type: "renew", generation: message.generation });
        });
        return;
      case "candidate":
        this.#candidate(message);
        return;
      case "ended":
        this.#end();
        break;
    }
    this.#on.message(message);
  }

  #ice = {};

  async #answer({ generation, sdp }) {
    if (generation <= this.#generation) return;
    this.#generation = generation;
    this.#peer?.close();
    const peer = new RTCPeerConnection({ ...this.#ice, bundlePolicy: "max-bundle" });
    this.#peer = peer;
    this.#on.connection("connecting");
    // the answer goes before them
    let found = [];
    const tell = (candidate) => this.send({ type: "candidate", generation, candidate: candidate.candidate, mid: candidate.sdpMid ?? "" });
    peer.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate) return;
      if (found) found.push(candidate);
      else tell(candidate);
    };
    peer.onconnectionstatechange = () => {
      if (peer !== this.#peer || this.#ended) return;
      const state = peer.connectionState;
      if (state === "connected") this.#on.connection("connected");
      else if (state === "disconnected") this.#on.connection("interrupted");
      else if (state === "failed") this.send({ type: "renew", generation });
    };
    peer.ontrack = ({ track, transceiver }) => this.#on.media(transceiver.mid, track);
    await peer.setRemoteDescription({ type: "offer", sdp });
    for (const transceiver of peer.getTransceivers()) await this.#equip(transceiver);
    await peer.setLocalDescription(await peer.createAnswer());
    this.send({ type: "answer", generation, sdp: peer.localDescription.sdp });
    found.forEach(tell);
    found = null;
    for (const { candidate, mid } of this.#early.splice(0)) this.#add(candidate, mid);
    for (const transceiver of peer.getTransceivers()) await this.#limit(transceiver);
  }

  /** What is sent on a line that takes something; a track may come later without another description. */
  async #equip(transceiver) {
    if (!transceiver.direction.includes("recv") && transceiver.direction !== "inactive") return;
    const takes = /sendrecv|recvonly/.test(directionOf(this.#peer.remoteDescription.sdp, transceiver.mid));
    if (!takes) return;
    transceiver.direction = "sendrecv";
    await transceiver.sender.replaceTrack(this.#tracks.get(transceiver.mid) ?? null);
  }

  /** Where there is no track nothing is to be sent: Firefox would go on with the last picture of a camera that is off, once a second. */
  async #limit({ mid, sender, currentDirection }) {
    if ((mid !== "camera" && mid !== "slides") || !currentDirection?.includes("send")) return;
    const parameters = sender.getParameters();
    if (!parameters.encodings?.length) return;
    parameters.encodings[0].active = Boolean(this.#tracks.get(mid));
    parameters.encodings[0].maxBitrate = mid === "camera" ? CAMERA_BITRATE : SCREEN_BITRATE;
    parameters.degradationPreference = mid === "camera" ? "balanced" : "maintain-resolution";
    await sender.setParameters(parameters).catch(() => {});
  }

  #candidate({ generation, candidate, mid }) {
    if (generation !== this.#generation || !this.#peer?.remoteDescription) this.#early.push({ generation, candidate, mid });
    else this.#add(candidate, mid);
  }

  #add(candidate, mid) {
    this.#peer.addIceCandidate({ candidate, sdpMid: mid }).catch((error) => console.warn("a candidate was of no use", candidate, error));
  }

  #gone(code) {
    this.#end();
    this.#on.gone(code);
  }

  #end() {
    this.#ended = true;
    clearInterval(this.#watch);
    this.#peer?.close();
    this.#socket?.close();
  }
}

/** The direction of a media section, by its mid. */
function directionOf(sdp, mid) {
  const section = sdp.split(/^m=/m).find((part) => part.includes(`a=mid:${mid}\r\n`));
  return /^a=(sendrecv|sendonly|recvonly|inactive)/m.exec(section ?? "")?.[1] ?? "sendrecv";
}
