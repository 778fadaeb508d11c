import { randomUUID } from "node:crypto";
import type { EslEvent } from "../../../wire/esl/index.ts";
import type { PlayResult } from "../../messages.ts";
import { type Channel, rateOf } from "../channel/channel.ts";
import type { Core } from "../core.ts";
import type { Job, RecordJob } from "../media/media-jobs.ts";
import type { Room } from "../media/media-leg.ts";
import type { MediaPool } from "../media/media-pool.ts";
import type { Member } from "./member.ts";
import { frameLink } from "../../media/frame-ring.ts";

/** What a conference is created with. */
export interface ConferenceOptions {
  readonly name: string;
  readonly profile: string;
  readonly pin: string;
  /** Members hear music and not each other until a moderator comes. */
  readonly waitForModerator: boolean;
  /** Rate shown to clients and used for recordings, Hz. */
  readonly rate: number;
  /** Music for those who wait or are alone; undefined is silence. */
  readonly music: string | undefined;
}

/** A file being played to everybody or to one member. */
interface Playing {
  readonly file: string;
  readonly job: Job<PlayResult>;
  readonly member: Member | undefined;
}

/** A conference: its members, what is played and recorded, and the events that tell of it. Its sound is mixed by a {@link Room}. */
export class Conference {
  readonly core: Core;
  readonly name: string;
  readonly uuid: string = randomUUID();
  readonly profile: string;
  readonly pin: string;
  readonly rate: number;
  readonly room: Room;
  readonly startedAt: number;
  readonly members = new Map<number, Member>();
  readonly recordings = new Map<string, RecordJob>();
  readonly variables = new Map<string, string>();
  readonly domain: string;
  readonly #music: string | undefined;
  readonly #onEmpty: () => void;
  locked = false;
  waitingForModerator: boolean;
  maxMembers = 0;
  endGraceSeconds = 0;
  musicOff = false;
  agc = false;
  floor: number | undefined;
  callerIdName = "conference";
  callerIdNumber = "0000000000";
  soundPrefix = "";
  #playing: Playing[] = [];
  #enforceMin = false;
  #endTimer: ReturnType<typeof setTimeout> | undefined;
  #destroyed = false;
  #musicOn = false;

  constructor(core: Core, pool: MediaPool, options: ConferenceOptions, first: Channel, onEmpty: () => void) {
    this.core = core;
    this.name = options.name;
    this.profile = options.profile;
    this.pin = options.pin;
    this.rate = options.rate;
    this.waitingForModerator = options.waitForModerator;
    this.domain = core.address;
    this.#music = options.music;
    this.#onEmpty = onEmpty;
    this.startedAt = core.clock.now();
    this.room = pool.openRoom(
      {
        talking: (id, on, energy) => this.#talking(id, on, energy),
        floor: (id) => this.setFloor(id),
        lost: () => this.#end(),
      },
      first.leg,
    );
    this.fire("conference-create");
  }

  /** Brings members to a common level, or leaves them as they are. */
  setAgc(on: boolean): void {
    if (on === this.agc) return;
    this.agc = on;
    this.room.agc(on);
  }

  /** Members that count. */
  get count(): number {
    let n = 0;
    for (const member of this.members.values()) if (!member.ghost) n++;
    return n;
  }
  get ghosts(): number {
    return this.members.size - this.count;
  }
  get full(): boolean {
    return this.maxMembers > 0 && this.count >= this.maxMembers;
  }
  get destroyed(): boolean {
    return this.#destroyed;
  }

  /** Fires conference::maintenance; with a member the event carries its data. */
  fire(action: string, member?: Member, headers: Readonly<Record<string, string | number | undefined>> = {}): void {
    const event = this.core.event("CUSTOM", "conference", "conference::maintenance");
    this.#describe(event);
    member?.describe(event, member.id === this.floor);
    event.set("Action", action);
    for (const [name, value] of Object.entries(headers)) event.set(name, value);
    this.core.fire(event);
  }

  #describe(event: EslEvent): void {
    const headers = event.headers;
    headers.set("Conference-Name", this.name);
    headers.set("Conference-Domain", this.domain);
    headers.set("Conference-Size", String(this.count));
    headers.set("Conference-Ghosts", String(this.ghosts));
    headers.set("Conference-Profile-Name", this.profile);
    headers.set("Conference-Unique-ID", this.uuid);
    for (const [name, value] of this.variables) headers.set(name, value);
  }

  add(member: Member): void {
    clearTimeout(this.#endTimer);
    this.#endTimer = undefined;
    this.members.set(member.id, member);
    member.channel.conference = this.name;
    member.channel.variables.set("conference_member_id", member.id);
    member.channel.variables.set("conference_uuid", this.uuid);
    if (member.flags.has("mintwo")) this.#enforceMin = true;
    this.room.join(member.id, member.channel.leg, member.state(this.waitingForModerator), () => frameLink(rateOf(member.channel.codec)));
    this.fire("add-member", member);
    if (this.waitingForModerator && member.moderator) {
      this.waitingForModerator = false;
      for (const other of this.members.values()) this.update(other);
    }
    this.#arrangeMusic();
  }

  remove(member: Member): void {
    if (member.removed) return;
    member.removed = true;
    if (member.talking) this.#talking(member.id, false, 0);
    this.members.delete(member.id);
    for (const playing of this.#playing) if (playing.member === member) playing.job.stop();
    this.room.leave(member.id, member.channel.leg);
    member.channel.conference = undefined;
    this.fire("del-member", member);
    if (this.floor === member.id) this.setFloor(undefined);
    if (this.members.size === 0) this.#end();
    else if (member.flags.has("endconf") && ![...this.members.values()].some((m) => m.flags.has("endconf"))) this.#endAfterGrace();
    else if (this.#enforceMin && this.count + this.ghosts < 2) this.#end();
    else this.#arrangeMusic();
  }

  /** Tells the mixer what changed about a member. */
  update(member: Member): void {
    if (!member.removed) this.room.update(member.id, member.state(this.waitingForModerator));
  }

  /** Who has the floor; the mixer decides unless somebody sets it. */
  setFloor(id: number | undefined): void {
    if (id !== undefined && !this.members.has(id)) return;
    if (this.floor === id) return;
    const old = this.floor;
    this.floor = id;
    const holder = id === undefined ? undefined : this.members.get(id);
    this.fire("floor-change", holder, { "Old-ID": old ?? "none", "New-ID": id ?? "none" });
  }

  #talking(id: number, on: boolean, energy: number): void {
    const member = this.members.get(id);
    if (!member || member.talking === on) return;
    member.talking = on;
    member.currentEnergy = Math.round(energy);
    member.lastTalking = this.core.clock.now();
    this.fire(on ? "start-talking" : "stop-talking", member);
  }

  #arrangeMusic(): void {
    const alone = this.members.size === 1 && ![...this.members.values()].some((m) => m.flags.has("nomoh"));
    const wanted = this.#music !== undefined && !this.musicOff && (this.waitingForModerator || alone);
    if (wanted === this.#musicOn) return;
    this.#musicOn = wanted;
    this.room.music(wanted ? this.#music : undefined);
  }

  /** Turns music on hold on or off. */
  setMusic(on: boolean): void {
    this.musicOff = !on;
    this.#arrangeMusic();
  }

  /** Starts a file; its end is told by play-file-done. Resolves to whether there is such a file. */
  async play(file: string, source: string, member: Member | undefined, asynchronous: boolean): Promise<boolean> {
    const job = this.room.play(source, member?.id);
    const playing: Playing = { file, job, member };
    this.#playing.push(playing);
    if (!(await job.started)) {
      this.#playing = this.#playing.filter((p) => p !== playing);
      return (await job.done).reason !== "not-found";
    }
    void job.done.then((result) => {
      this.#playing = this.#playing.filter((p) => p !== playing);
      if (this.#destroyed) return;
      this.fire(member ? "play-file-member-done" : "play-file-done", member, {
        seconds: Math.floor(result.samplesIn / result.nativeRate),
        milliseconds: Math.floor(result.samplesIn / (result.nativeRate / 1000)),
        samples: result.samplesIn,
        File: file,
        Async: asynchronous ? "true" : undefined,
      });
    });
    return true;
  }

  /** Ends files: the first in the queue, or all; of the room, or of one member. Returns how many. */
  stopPlaying(all: boolean, member?: Member): number {
    const mine = this.#playing.filter((p) => p.member === member);
    const ending = all ? mine : mine.slice(0, 1);
    for (const { job } of ending) job.stop();
    return ending.length;
  }

  /** The file that plays to everybody, and since when; undefined for none. */
  get playing(): string | undefined {
    return this.#playing.find((p) => p.member === undefined)?.file;
  }

  /** Records what everybody hears, into `file`; `path` is what its client calls it. */
  record(path: string, file: string): void {
    const job = this.room.record(file, this.rate);
    this.recordings.set(path, job);
    void job.started.then((opened) => {
      if (this.#destroyed) return;
      if (opened) this.fire("start-recording", undefined, { Path: path });
      else this.fire("start-recording", undefined, { Path: path, Error: "File could not be opened for recording" });
    });
    void job.done.then((result) => {
      if (this.recordings.get(path) === job) this.recordings.delete(path);
      if (result.reason === "not-opened") {
        this.core.log("error", "a conference recording could not be opened", { conference: this.name, path, reason: result.message ?? "" });
        return;
      }
      if (result.message !== undefined)
        this.core.log("error", "a conference recording ended early", { conference: this.name, path, reason: result.message });
      this.fire("stop-recording", undefined, {
        Path: path,
        "Other-Recordings": String(this.recordings.size > 0),
        "Samples-Out": result.samples,
        Samplerate: result.rate,
        "Milliseconds-Elapsed": Math.floor(result.samples / (result.rate / 1000)),
        "Record-File-Size": result.bytes,
        Error: result.message,
      });
    });
  }

  #endAfterGrace(): void {
    if (this.endGraceSeconds === 0) {
      this.#end();
      return;
    }
    this.#endTimer = setTimeout(() => this.#end(), this.endGraceSeconds * 1000);
  }

  /** Everybody leaves; the conference is gone. */
  #end(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    clearTimeout(this.#endTimer);
    for (const member of [...this.members.values()]) {
      this.remove(member);
      member.leave();
    }
    for (const job of this.recordings.values()) job.stop();
    this.fire("conference-destroy");
    this.#onEmpty();
    // The recorders must write their last bytes before the room goes.
    const closing = [...this.recordings.values()].map((job) => job.done);
    void Promise.all(closing).then(() => this.room.close());
  }
}
