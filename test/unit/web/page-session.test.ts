import { afterEach, beforeEach, expect, it, vi } from "vitest";

/** The page's own module is plain JavaScript for browsers; here with a browser that is only what it uses of one. */
interface PageSession {
  start(): void;
  setTrack(mid: string, track: object | null): Promise<void>;
  leave(): void;
}
type SessionClass = new (join: object, on: Record<string, (...values: unknown[]) => void>) => PageSession;

const CAMERA = { kind: "video" };
const OFFER = "v=0\r\nm=audio 9 RTP 0\r\na=mid:audio\r\na=sendrecv\r\nm=video 9 RTP 96\r\na=mid:camera\r\na=sendrecv\r\n";

class FakeSender {
  track: object | null = null;
  sent: { encodings: { active?: boolean }[] } = { encodings: [{}] };
  replaceTrack(track: object | null): Promise<void> {
    this.track = track;
    return Promise.resolve();
  }
  getParameters(): FakeSender["sent"] {
    return structuredClone(this.sent);
  }
  setParameters(parameters: FakeSender["sent"]): Promise<void> {
    this.sent = parameters;
    return Promise.resolve();
  }
}

let senders: Record<"audio" | "camera", FakeSender>;
let socket: FakeSocket;

class FakeSocket {
  static readonly OPEN = 1;
  readonly readyState = 1;
  readonly sent: { type: string }[] = [];
  onmessage: (event: { data: string }) => void = () => {};
  constructor() {
    socket = this;
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as { type: string });
  }
  close(): void {}
}

let configured: object[];

class FakePeer {
  constructor(configuration: object) {
    configured.push(configuration);
  }
  remoteDescription = { sdp: OFFER };
  localDescription = { sdp: "v=0\r\n" };
  readonly #transceivers = (["audio", "camera"] as const).map((mid) => ({
    mid,
    sender: senders[mid],
    direction: "recvonly",
    currentDirection: "sendrecv",
  }));
  getTransceivers(): object[] {
    return this.#transceivers;
  }
  setRemoteDescription = () => Promise.resolve();
  setLocalDescription = () => Promise.resolve();
  createAnswer = () => Promise.resolve({});
  close(): void {}
}

let session: PageSession;

beforeEach(async () => {
  configured = [];
  senders = { audio: new FakeSender(), camera: new FakeSender() };
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("location", { href: "http://127.0.0.1/meeting" });
  const page = new URL("../../../src/web/page/session.js", import.meta.url).href;
  const { Session } = (await import(page)) as { Session: SessionClass };
  session = new Session({}, { message: () => {}, media: () => {}, connection: () => {}, gone: () => {} });
  session.start();
});
afterEach(() => {
  session.leave();
  vi.unstubAllGlobals();
});

const offered = async (): Promise<void> => {
  socket.onmessage({ data: JSON.stringify({ type: "offer", generation: 1, sdp: OFFER }) });
  await expect.poll(() => socket.sent.at(-1)?.type).toBe("answer");
};
const active = (): boolean | undefined => senders.camera.sent.encodings[0]!.active;

it("sends nothing of a camera that is off, not even its last picture again", async () => {
  await session.setTrack("camera", CAMERA);
  await offered();
  await expect.poll(active).toBe(true);
  await session.setTrack("camera", null);
  expect([senders.camera.track, active()]).toEqual([null, false]);
  await session.setTrack("camera", CAMERA);
  expect([senders.camera.track, active()]).toEqual([CAMERA, true]);
});

it("begins without a camera where none was opened", async () => {
  await session.setTrack("camera", null);
  await offered();
  await expect.poll(active).toBe(false);
});

it("follows the last wish where a camera goes off and on at once", async () => {
  await session.setTrack("camera", CAMERA);
  await offered();
  await Promise.all([session.setTrack("camera", null), session.setTrack("camera", CAMERA)]);
  expect([senders.camera.track, active()]).toEqual([CAMERA, true]);
});

it("makes connections by the servers it was told of last", async () => {
  const told = (type: string, urls: string[]): void =>
    socket.onmessage({ data: JSON.stringify({ type, iceServers: urls.map((url) => ({ urls: [url] })), iceTransportPolicy: "relay" }) });
  told("welcome", []);
  told("ice-servers", ["turn:turn.example"]);
  await offered();
  expect(configured).toEqual([{ iceServers: [{ urls: ["turn:turn.example"] }], iceTransportPolicy: "relay", bundlePolicy: "max-bundle" }]);
});
