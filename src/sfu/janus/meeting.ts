import type { VideoRelay } from "../../video/port.ts";
import type { Announcer } from "./announcer.ts";
import type { JanusConnection, JanusHandle, PluginData } from "./client.ts";
import { Floor } from "./floor.ts";
import { type JanusPublisher, memberOf, type PictureOptions, Subscription } from "./pictures.ts";
import { makeAudioRoom, makeVideoRoom, type RoomOptions } from "./rooms.ts";

/** How long a meeting whose rooms could not be made again waits before it tries anew. */
const RETRY_MS = 1_000;
/** Our name in Janus's rooms, where it is not a caller's. */
export const OWN_NAME = "Crosspoint";

/** What a meeting asks of those of ours who are in it. */
export interface MeetingSeat {
  play(files: readonly string[]): Promise<void>;
  /** Whether its screen is the one that is shown. */
  showScreen(on: boolean): void;
  /** Janus was lost and is back; `version` rises each time. */
  restore(version: number): Promise<void>;
}

export interface MeetingOptions {
  readonly connection: JanusConnection;
  readonly relay: VideoRelay | null;
  readonly meetingId: string;
  readonly rooms: RoomOptions;
  readonly mediaHost: string | null;
  /** Makes the participant that announces. */
  readonly announcer: () => Announcer;
  readonly warn: (event: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * One meeting's two rooms at Janus: an audiobridge and a videoroom of the same number. Watches who of Janus's own clients publishes there, and brings
 * everything back when Janus was lost. There as long as somebody of ours is.
 */
export class JanusMeeting {
  readonly #options: MeetingOptions;
  readonly #seats = new Map<string, MeetingSeat>();
  readonly #subscriptions = new Map<number, { readonly name: string; readonly opening: Promise<Subscription | undefined> }>();
  /** Names of Janus's own clients who talk: one may be heard before it is seen. */
  readonly #talkers = new Set<string>();
  readonly #pictures: PictureOptions | null;
  /** Who is shown to those who see who speaks. */
  readonly floor: Floor;
  #control: JanusHandle | undefined;
  #audio: JanusHandle | undefined;
  #ready: Promise<void> | undefined;
  #announcer: Announcer | undefined;
  #presenter: string | null = null;
  /** Of ours, who are on their way in. */
  joining = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  /** Each time everything is made anew counts as a version of each leg's description. */
  #version = 1;
  readonly #onUp: () => void;
  readonly #onDown: () => void;

  constructor(options: MeetingOptions) {
    this.#options = options;
    const { relay, meetingId, rooms, mediaHost } = options;
    this.#pictures = relay && { relay, meetingId, room: rooms.room, secret: rooms.secret, adminKey: rooms.adminKey, mediaHost };
    this.#onUp = () => this.#restore();
    this.#onDown = () => {
      this.#ready = undefined;
      this.#announcer?.lost();
      this.#forget();
    };
    this.floor = new Floor((participantId) => relay?.speaker(meetingId, participantId));
    options.connection.on("up", this.#onUp);
    options.connection.on("down", this.#onDown);
  }

  /** Of a publisher of Janus's own that the relay knows as `memberId`. */
  nameOf(memberId: string): string | undefined {
    for (const [id, { name }] of this.#subscriptions) if (memberOf(id) === memberId) return name;
    return undefined;
  }

  get pictures(): PictureOptions | null {
    return this.#pictures;
  }

  /** The videoroom's handle, while Janus is there. */
  get control(): JanusHandle | undefined {
    return this.#control;
  }

  get seats(): ReadonlyMap<string, MeetingSeat> {
    return this.#seats;
  }

  /** Resolves when both rooms are there. */
  ready(): Promise<void> {
    this.#ready ??= this.#open().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  enter(id: string, seat: MeetingSeat): void {
    this.#seats.set(id, seat);
    this.#employ();
  }

  /** Sees to it that there is an announcer, another where one is out. */
  #employ(): void {
    if (this.#closed || this.#announcer?.closed === false) return;
    this.#announcer = this.#options.announcer();
  }

  /** Returns whether that was the last one. */
  leave(id: string): boolean {
    this.#seats.delete(id);
    this.floor.talks(id, false);
    if (this.#presenter === id) this.present(null);
    return this.#seats.size === 0;
  }

  /** Somebody of Janus's own talks: heard in the audiobridge, whose participants are known in the videoroom by their display names alone. */
  talks(name: string, talking: boolean): void {
    if (talking) this.#talkers.add(name);
    else this.#talkers.delete(name);
    for (const [id, publisher] of this.#subscriptions) if (publisher.name === name) this.floor.talks(memberOf(id), talking);
  }

  /** Heard by all in the room; while nobody can speak to them all, by those of ours. */
  async announce(files: readonly string[]): Promise<void> {
    if (await this.#announcer?.play(files)) return;
    await Promise.all([...this.#seats.values()].map((seat) => seat.play(files).catch(() => undefined)));
  }

  present(id: string | null): void {
    this.#options.relay?.presenter(this.#options.meetingId, id);
    const before = this.#presenter;
    this.#presenter = id;
    if (before !== id && before !== null) this.#seats.get(before)?.showScreen(false);
    if (id !== null) this.#seats.get(id)?.showScreen(true);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#announcer?.close();
    const { connection, rooms } = this.#options;
    connection.off("up", this.#onUp);
    connection.off("down", this.#onDown);
    const { room, secret } = rooms;
    // rooms in which clients of Janus's own still are go on without us
    const [control, audio] = [this.#control, this.#audio];
    const natives = this.#subscriptions.size;
    this.#forget();
    if (natives === 0) {
      audio?.request({ request: "destroy", room, secret }).catch(() => undefined);
      control?.request({ request: "destroy", room, secret }).catch(() => undefined);
    }
    audio?.detach();
    control?.detach();
  }

  async #open(): Promise<void> {
    const { connection, rooms } = this.#options;
    const [audio, control] = await Promise.all([
      connection.attach("janus.plugin.audiobridge"),
      connection.attach("janus.plugin.videoroom"),
    ]);
    await Promise.all([makeAudioRoom(audio, rooms), makeVideoRoom(control, rooms)]);
    this.#audio = audio;
    this.#control = control;
    if (!this.#pictures) return;
    control.on("event", (data) => this.#onVideoEvent(data));
    const { room, pin } = rooms;
    const joined = await control.request({
      request: "join",
      ptype: "publisher",
      room,
      display: OWN_NAME,
      ...(pin === null ? {} : { pin }),
    });
    await this.#see(publishersOf(joined));
  }

  /** Janus is back, and knows nothing of us. */
  #restore(): void {
    if (this.#closed) return;
    this.#version += 1;
    const version = this.#version;
    this.ready()
      .then(() => {
        this.#employ();
        void this.#announcer?.restore(version);
        return Promise.all([...this.#seats.values()].map((seat) => seat.restore(version)));
      })
      .catch((error: unknown) => {
        this.#options.warn("janus-restore-failed", { meeting: this.#options.meetingId, error: String(error) });
        clearTimeout(this.#timer);
        if (this.#options.connection.up) this.#timer = setTimeout(() => this.#restore(), RETRY_MS);
      });
  }

  #onVideoEvent(data: PluginData): void {
    for (const key of ["unpublished", "leaving"] as const) {
      const id = data[key];
      if (typeof id === "number") this.#gone(id);
    }
    this.#see(publishersOf(data)).catch((error: unknown) => {
      this.#options.warn("janus-publisher-failed", { meeting: this.#options.meetingId, error: String(error) });
    });
  }

  /** Takes what Janus's own clients publish; what we publish there ourselves is told to us like any other's, and known by being remote. */
  async #see(publishers: readonly JanusPublisher[]): Promise<void> {
    const control = this.#control;
    const pictures = this.#pictures;
    if (publishers.length === 0 || !control || !pictures) return;
    const { participants } = (await control.request({ request: "listparticipants", room: pictures.room })) as { participants?: unknown };
    const remote = new Set(
      (Array.isArray(participants) ? (participants as { id?: unknown; remote?: unknown }[]) : [])
        .filter((one) => one.remote === true)
        .map(({ id }) => id),
    );
    for (const publisher of publishers) {
      if (remote.has(publisher.id) || this.#subscriptions.has(publisher.id) || this.#closed) continue;
      const opening = Subscription.open(pictures, control, publisher).catch((error: unknown) => {
        this.#options.warn("janus-publisher-failed", { meeting: pictures.meetingId, publisher: publisher.id, error: String(error) });
        return undefined;
      });
      const name = publisher.display ?? "";
      this.#subscriptions.set(publisher.id, { name, opening });
      if (this.#talkers.has(name)) this.floor.talks(memberOf(publisher.id), true);
    }
  }

  #gone(id: number): void {
    const subscription = this.#subscriptions.get(id);
    this.#subscriptions.delete(id);
    this.floor.talks(memberOf(id), false);
    void subscription?.opening.then((one) => one?.close());
  }

  #forget(): void {
    for (const id of [...this.#subscriptions.keys()]) this.#gone(id);
    this.#talkers.clear();
    this.#control = undefined;
    this.#audio = undefined;
  }
}

function publishersOf(data: PluginData): JanusPublisher[] {
  const { publishers } = data;
  if (!Array.isArray(publishers)) return [];
  return (publishers as Partial<JanusPublisher>[]).filter((one): one is JanusPublisher => typeof one.id === "number");
}
