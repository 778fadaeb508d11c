import {
  AdminError,
  type CallView,
  type DialOutRequest,
  type GatewayControl,
  type GatewayEvent,
  type Health,
  type MeetingInput,
} from "../../../src/admin/ports.ts";
import { defaultMeeting, type MeetingView, type Participant, type ParticipantAction } from "../../../src/meetings/model.ts";
import type { CallRecord, RecordStore } from "../../../src/records/model.ts";

/** A gateway without calls of its own, for tests of the admin API: it holds what it is given. */
export class FakeGateway implements GatewayControl {
  status: Health["status"] = "ok";
  readonly recordList: CallRecord[] = [];
  readonly callMap = new Map<string, CallView>();
  readonly meetingMap = new Map<string, MeetingView>();
  readonly inputs: MeetingInput[] = [];
  readonly people: Participant[] = [];
  readonly #listeners = new Set<(event: GatewayEvent) => void>();
  readonly records: RecordStore = {
    add: (record) => void this.recordList.unshift(record),
    list: ({ limit, meetingId, before }) => {
      const from = this.recordList.findIndex(({ id }) => id === before) + 1;
      return this.recordList
        .slice(from)
        .filter((r) => meetingId === undefined || r.meetingId === meetingId)
        .slice(0, limit);
    },
    get: (id) => this.recordList.find((record) => record.id === id),
    count: ({ meetingId }) => this.recordList.filter((record) => meetingId === undefined || record.meetingId === meetingId).length,
    close: () => {},
  };

  health(): Health {
    return {
      status: this.status,
      engines: { sip: true, media: true },
      gatekeeper: null,
      calls: this.callMap.size,
      version: "1.2.3",
      uptimeSeconds: 4.5,
    };
  }
  calls(): CallView[] {
    return [...this.callMap.values()];
  }
  call(id: string): CallView | undefined {
    return this.callMap.get(id);
  }
  async endCall(id: string): Promise<void> {
    if (!this.callMap.delete(id)) throw new AdminError(404, "not-found", `there is no call ${id}`);
  }
  async dialOut(request: DialOutRequest): Promise<CallView> {
    if (!this.meetingMap.has(request.meetingId)) throw new AdminError(404, "not-found", `there is no meeting ${request.meetingId}`);
    const call = callView("out-1", { direction: "out", to: request.uri, meetingId: request.meetingId });
    this.callMap.set(call.id, call);
    return call;
  }
  meetings(): MeetingView[] {
    return [...this.meetingMap.values()];
  }
  meeting(id: string): MeetingView | undefined {
    return this.meetingMap.get(id);
  }
  async createMeeting(input: MeetingInput): Promise<MeetingView> {
    const id = input.id ?? "made-1";
    if (this.meetingMap.has(id)) throw new AdminError(409, "taken", `there is a meeting ${id} already`);
    return this.#keep(id, input, meetingView(id));
  }
  async updateMeeting(id: string, input: MeetingInput): Promise<MeetingView> {
    const old = this.meetingMap.get(id);
    if (!old) throw new AdminError(404, "not-found", `there is no meeting ${id}`);
    return this.#keep(id, input, old);
  }
  async deleteMeeting(id: string): Promise<void> {
    if (!this.meetingMap.delete(id)) throw new AdminError(404, "not-found", `there is no meeting ${id}`);
    this.emit({ type: "meeting-deleted", meetingId: id });
  }
  participants(meetingId: string): Participant[] {
    return this.people.filter((person) => person.meetingId === meetingId);
  }
  async act(meetingId: string, participantId: string, action: ParticipantAction): Promise<Participant> {
    const at = this.people.findIndex((person) => person.meetingId === meetingId && person.id === participantId);
    const person = this.people[at];
    if (!person) throw new AdminError(404, "not-found", `there is no participant ${participantId}`);
    if (action === "admit" && person.state !== "lobby") throw new AdminError(409, "not-waiting", "is in already");
    const muted = action === "mute" ? true : action === "unmute" ? false : person.muted;
    const changed: Participant = { ...person, muted, state: action === "admit" ? "joined" : action === "remove" ? "left" : person.state };
    this.people[at] = changed;
    this.emit({ type: "participant", participant: changed });
    return changed;
  }
  h323() {
    return {
      gatekeeper: {
        endpoints: [
          {
            aliases: ["room1"],
            address: "192.0.2.7:1720",
            product: "a room",
            traversal: "h460.18" as const,
            expiresAt: "2026-11-22T09:00:00.000Z",
          },
        ],
        neighbours: [{ address: "192.0.2.8:1719", answering: null }],
      },
      upstream: {
        gatekeeper: "192.0.2.9:1719",
        aliases: ["crosspoint"],
        traversal: "none" as const,
        registered: false,
        since: "2026-11-22T08:00:00.000Z",
        error: "securityDenial",
      },
    };
  }
  numbers() {
    return [{ number: "+4930123456", trunk: null, tenant: null, language: "de" as const, cost: "toll" as const, meeting: null }];
  }

  trunks() {
    return [
      {
        name: "carrier",
        trust: "verified" as const,
        srtp: "required" as const,
        calls: 2,
        maxCalls: 0,
        target: "sip:192.0.2.1",
        tenant: null,
        reachable: true,
        unreachableReason: null,
        certificatePurpose: null,
        contacts: null,
        registration: { state: "registered" as const, registrar: "sip:192.0.2.1", expiresAt: "2026-11-22T09:00:00.000Z", error: null },
      },
    ];
  }
  onEvent(listener: (event: GatewayEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  emit(event: GatewayEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
  #keep(id: string, input: MeetingInput, base: MeetingView): MeetingView {
    this.inputs.push(input);
    const { guestPin, hostPin, ...rest } = input;
    const meeting: MeetingView = {
      ...base,
      ...rest,
      id,
      hasGuestPin: guestPin === undefined ? base.hasGuestPin : guestPin !== null,
      hasHostPin: hostPin === undefined ? base.hasHostPin : hostPin !== null,
    };
    this.meetingMap.set(id, meeting);
    this.emit({ type: "meeting", meeting });
    return meeting;
  }
}

export const meetingView = (id: string, more: Partial<MeetingView> = {}): MeetingView => {
  const { guestPin: _, hostPin: __, ...meeting } = { ...defaultMeeting(id, "en"), name: `Meeting ${id}` };
  return { ...meeting, hasGuestPin: false, hasHostPin: false, participants: 0, source: "api", ...more };
};

export const participant = (id: string, more: Partial<Participant> = {}): Participant => ({
  id,
  callId: `call-${id}`,
  meetingId: "1000",
  displayName: `Person ${id}`,
  address: "sip:person@example.com",
  protocol: "sip",
  trust: "unverified",
  role: "guest",
  state: "joined",
  muted: false,
  talking: false,
  joinedAt: "2026-01-01T00:00:00.000Z",
  audio: { codec: "G722", srtp: "AEAD_AES_256_GCM", packetsIn: 10, packetsOut: 11, lossPercent: 0.5, jitterMs: 1.25 },
  video: null,
  hand: false,
  notSeenBy: [],
  doesNotSee: [],
  ...more,
});

export const callView = (id: string, more: Partial<CallView> = {}): CallView => ({
  id,
  direction: "in",
  protocol: "sip",
  tls: null,
  transport: "tls",
  trunk: "carrier",
  from: "sip:person@example.com",
  to: "sip:1000@gateway.example",
  meetingId: "1000",
  state: "joined",
  startedAt: "2026-01-01T00:00:00.000Z",
  answeredAt: "2026-01-01T00:00:00.100Z",
  trust: "verified",
  audio: null,
  ...more,
});

export const callRecord = (id: string, more: Partial<CallRecord> = {}): CallRecord => ({
  id,
  direction: "in",
  protocol: "sip",
  transport: "udp",
  trunk: "carrier",
  trust: "unverified",
  from: "sip:person@example.com",
  to: "sip:2000@gateway.example",
  meetingId: "2000",
  startedAt: "2026-01-01T00:00:00.000Z",
  answeredAt: null,
  endedAt: "2026-01-01T00:00:10.000Z",
  outcome: "wrong-pin",
  reason: "three wrong PINs",
  sipStatus: null,
  cause: 16,
  codec: "PCMU",
  srtp: null,
  packetsIn: 500,
  packetsOut: 500,
  lossPercent: 0.2,
  jitterMs: 3,
  ...more,
});
