import {
  AdminError,
  type CallView,
  type DialOutRequest,
  type GatewayControl,
  type GatewayEvent,
  type H323View,
  type Health,
  type MeetingInput,
} from "../admin/ports.ts";
import { AliasConflict } from "../meetings/directory.ts";
import type { Meeting, MeetingView, Participant, ParticipantAction } from "../meetings/model.ts";
import type { RecordStore } from "../records/model.ts";
import type { AccessNumber } from "../trunks/access-numbers.ts";
import type { ContactView, TrunkView } from "../trunks/model.ts";
import type { Outbound } from "./sip/outgoing.ts";
import { defineMeeting } from "./meeting/define-meeting.ts";
import type { H323Gateway } from "./h323/incoming.ts";
import type { LiveMeetings } from "./meeting/active-meetings.ts";
import type { TrunkProbe } from "./sip/options-ping.ts";
import type { Settings } from "./settings.ts";
import type { Clock } from "../base/clock.ts";
import type { MediaPort } from "../call-media/media-server.ts";
import type { MemoryDirectory } from "../meetings/directory.ts";
import type { PinLockout } from "../meetings/pin-lockout.ts";
import type { TrunkLimits } from "../trunks/limits.ts";
import type { Registrar } from "../trunks/registrar.ts";
import type { Registrations } from "./sip/trunk-registrations.ts";
import type { Call } from "./call/call.ts";

export interface ControlParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly media: Pick<MediaPort, "connected">;
  readonly directory: MemoryDirectory;
  readonly lockout: PinLockout;
  readonly limits: TrunkLimits;
  readonly registrar: Registrar;
  readonly registrations: Pick<Registrations, "view">;
  readonly records: RecordStore;
  readonly calls: ReadonlyMap<string, Call>;
  readonly emit: (event: GatewayEvent) => void;
  readonly meetings: LiveMeetings;
  readonly outbound: Outbound;
  readonly probe: TrunkProbe;
  readonly h323: H323Gateway;
  readonly version: string;
  readonly sipConnected: () => boolean;
  readonly listeners: Set<(event: GatewayEvent) => void>;
}

/** What the admin API may do with the gateway. */
export class Control implements GatewayControl {
  readonly #parts: ControlParts;
  readonly #startedAt: number;

  constructor(parts: ControlParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
  }

  get records(): RecordStore {
    return this.#parts.records;
  }

  health(): Health {
    const { settings, clock, calls, media, h323, version, sipConnected } = this.#parts;
    const engines = { sip: sipConnected(), media: media.connected };
    return {
      status: settings.draining ? "draining" : engines.sip && engines.media ? "ok" : "degraded",
      engines,
      gatekeeper: h323.upstream?.registered ?? null,
      calls: calls.size,
      version,
      uptimeSeconds: Math.floor((clock.now() - this.#startedAt) / 1000),
    };
  }

  calls(): CallView[] {
    return [...this.#parts.calls.values()].map((call) => call.view());
  }

  call(id: string): CallView | undefined {
    return this.#parts.calls.get(id)?.view();
  }

  async endCall(id: string): Promise<void> {
    const call = this.#parts.calls.get(id);
    if (!call) throw new AdminError(404, "no-such-call", `there is no call ${id}`);
    await call.end("removed", "ended through the admin API");
  }

  async dialOut(request: DialOutRequest): Promise<CallView> {
    return (await this.#parts.outbound.dialOut(request)).view();
  }

  meetings(): MeetingView[] {
    return this.#parts.directory.list().map(({ meeting, source }) => this.#parts.meetings.view(meeting, source));
  }

  meeting(id: string): MeetingView | undefined {
    const { directory } = this.#parts;
    const meeting = directory.get(id);
    return meeting && this.#parts.meetings.view(meeting, directory.source(id) ?? "api");
  }

  async createMeeting(input: MeetingInput): Promise<MeetingView> {
    const { directory, settings } = this.#parts;
    const id = input.id ?? this.#freeNumber();
    if (directory.get(id)) throw new AdminError(409, "meeting-exists", `meeting ${id} exists already`);
    const meeting = await defineMeeting({ ...input, id }, undefined, settings.config.language);
    this.#put(meeting);
    return this.#told(meeting);
  }

  async updateMeeting(id: string, input: MeetingInput): Promise<MeetingView> {
    const { settings, directory, lockout, meetings } = this.#parts;
    const before = this.#known(id);
    if (directory.source(id) === "configuration") {
      // its lock is a state, everything else is the file's
      const beyond = Object.keys(input).filter((key) => key !== "locked" && key !== "id" && input[key as keyof MeetingInput] !== undefined);
      if (beyond.length > 0)
        throw new AdminError(
          409,
          "meeting-of-configuration",
          `meeting ${id} is in the configuration file: change ${beyond.join(", ")} there`,
        );
      if (input.locked !== undefined) meetings.lock(before, input.locked);
      return this.meeting(id)!;
    }
    const meeting = await defineMeeting({ ...input, id }, before, settings.config.language);
    this.#put(meeting);
    if (meeting.guestPin !== before.guestPin || meeting.hostPin !== before.hostPin) lockout.clear(id);
    meetings.update(meeting);
    return this.#told(meeting);
  }

  async deleteMeeting(id: string): Promise<void> {
    const { directory, emit, meetings } = this.#parts;
    this.#known(id);
    if (directory.source(id) === "configuration")
      throw new AdminError(409, "meeting-of-configuration", `meeting ${id} is in the configuration file`);
    directory.delete(id);
    emit({ type: "meeting-deleted", meetingId: id });
    await meetings.close(id, "the meeting was deleted");
  }

  participants(meetingId: string): Participant[] {
    return this.#parts.meetings.participants(meetingId);
  }

  async act(meetingId: string, participantId: string, action: ParticipantAction): Promise<Participant> {
    const { meetings } = this.#parts;
    const before = meetings.participant(meetingId, participantId);
    if (!before) throw new AdminError(404, "no-such-participant", `there is no participant ${participantId} in meeting ${meetingId}`);
    const conflict = () => new AdminError(409, "wrong-state", `a participant who is ${before.state} cannot be asked to ${action}`);
    if (action === "admit") {
      if (!meetings.admit(meetingId, participantId)) throw conflict();
    } else if (action === "remove") {
      await meetings.remove(participantId, "removed", "removed through the admin API");
    } else if (!(await meetings.mute(meetingId, participantId, action === "mute", true))) throw conflict();
    return meetings.participant(meetingId, participantId) ?? before;
  }

  h323(): H323View {
    return this.#parts.h323.view;
  }

  numbers(): readonly AccessNumber[] {
    return this.#parts.settings.config.numbers ?? [];
  }

  trunks(): TrunkView[] {
    const { settings, limits, registrations, probe } = this.#parts;
    const { trunks, defaultTrunk } = settings.config;
    return [...trunks, ...(defaultTrunk ? [defaultTrunk] : [])].map((trunk) => {
      const { name, trust, srtp, maxCalls, target, tenant } = trunk;
      return {
        name,
        trust,
        srtp,
        calls: limits.calls(name),
        maxCalls,
        target,
        tenant,
        reachable: probe.reachable(name),
        unreachableReason: probe.unreachableReason(name),
        certificatePurpose: trunk.identity.certificateNames ? (trunk.identity.certificatePurpose ?? "client") : null,
        contacts: trunk.identity.registration ? this.#contacts(name) : null,
        registration: registrations.view(trunk),
      };
    });
  }

  #contacts(trunk: string): ContactView[] {
    const { registrar, clock } = this.#parts;
    const now = clock.now();
    return registrar.bindings(trunk, now).map(({ uri, flow, expiresAt, userAgent }) => ({
      uri,
      flow: `${flow.transport}:${flow.address.includes(":") ? `[${flow.address}]` : flow.address}:${flow.port}`,
      expiresAt: new Date(clock.wall() + expiresAt - now).toISOString(),
      userAgent: userAgent ?? null,
    }));
  }

  onEvent(listener: (event: GatewayEvent) => void): () => void {
    this.#parts.listeners.add(listener);
    return () => this.#parts.listeners.delete(listener);
  }

  #known(id: string): Meeting {
    const meeting = this.#parts.directory.get(id);
    if (!meeting) throw new AdminError(404, "no-such-meeting", `there is no meeting ${id}`);
    return meeting;
  }

  #put(meeting: Meeting): void {
    try {
      this.#parts.directory.put(meeting, "api");
    } catch (error) {
      if (error instanceof AliasConflict) throw new AdminError(409, "alias-taken", error.message);
      throw error;
    }
  }

  #told(meeting: Meeting): MeetingView {
    const view = this.#parts.meetings.view(meeting, "api");
    this.#parts.emit({ type: "meeting", meeting: view });
    return view;
  }

  /** Nine digits, as meeting numbers are; taken ones are tried again. */
  #freeNumber(): string {
    for (;;) {
      const number = String(100_000_000 + Math.floor(Math.random() * 900_000_000));
      if (!this.#parts.directory.get(number)) return number;
    }
  }
}
