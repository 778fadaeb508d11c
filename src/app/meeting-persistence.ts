import type { Logger } from "pino";
import { AdminError, type GatewayControl, type MeetingInput } from "../admin/ports.ts";
import type { MeetingView, Participant, ParticipantAction } from "../meetings/model.ts";
import { hashPin } from "../meetings/pin.ts";
import { SqliteMeetingStore } from "../records/meetings.ts";
import { refuseSamePins } from "../gateway/meeting/define-meeting.ts";
import type { MeetingDefinition } from "../gateway/options.ts";

/** The gateway as the admin API sees it, with the meetings that the API makes kept over a restart. PINs are hashed before anything is kept. */
export class KeptMeetings implements GatewayControl {
  readonly #gateway: GatewayControl;
  readonly #store: SqliteMeetingStore<MeetingDefinition>;
  readonly #log: Logger;
  /** The last change: two at once could each give a meeting one of two PINs that are the same. */
  #changed: Promise<unknown> = Promise.resolve();

  constructor(gateway: GatewayControl, file: string, log: Logger) {
    this.#gateway = gateway;
    this.#store = new SqliteMeetingStore(file);
    this.#log = log;
  }

  /** Makes the kept meetings anew. One whose number the configuration has taken since is left out, and said. */
  async restore(): Promise<void> {
    for (const meeting of this.#store.all()) {
      try {
        await this.#gateway.createMeeting(meeting);
      } catch (error) {
        this.#log.warn({ meeting: meeting.id, error: (error as Error).message }, "a meeting made by the API cannot be restored");
      }
    }
  }

  createMeeting(input: MeetingInput): Promise<MeetingView> {
    return this.#inTurn(async () => {
      await refuseSamePins(input);
      const hashed = await withHashes(input);
      const made = await this.#gateway.createMeeting(hashed);
      return this.#keep(made, hashed, () => this.#gateway.deleteMeeting(made.id));
    });
  }

  updateMeeting(id: string, input: MeetingInput): Promise<MeetingView> {
    return this.#inTurn(async () => {
      await refuseSamePins(input, this.#store.get(id));
      const hashed = await withHashes(input);
      const changed = await this.#gateway.updateMeeting(id, hashed);
      return changed.source === "api" ? this.#keep(changed, hashed) : changed;
    });
  }

  async deleteMeeting(id: string): Promise<void> {
    await this.#gateway.deleteMeeting(id);
    this.#store.remove(id);
  }

  /** Closes the store. */
  close(): void {
    this.#store.close();
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changed.then(change);
    this.#changed = result.catch(() => undefined);
    return result;
  }

  async #keep(view: MeetingView, input: MeetingInput, undo?: () => Promise<void>): Promise<MeetingView> {
    try {
      this.#store.save({ ...this.#store.get(view.id), ...input, id: view.id });
    } catch (error) {
      this.#log.error({ meeting: view.id, error: (error as Error).message }, "a meeting made by the API cannot be kept");
      await undo?.();
      throw new AdminError(507, "not-kept", "the meeting cannot be kept: is the disk full?");
    }
    return view;
  }

  get records() {
    return this.#gateway.records;
  }
  health() {
    return this.#gateway.health();
  }
  calls() {
    return this.#gateway.calls();
  }
  call(id: string) {
    return this.#gateway.call(id);
  }
  endCall(id: string) {
    return this.#gateway.endCall(id);
  }
  dialOut(request: Parameters<GatewayControl["dialOut"]>[0]) {
    return this.#gateway.dialOut(request);
  }
  meetings() {
    return this.#gateway.meetings();
  }
  meeting(id: string) {
    return this.#gateway.meeting(id);
  }
  participants(meetingId: string) {
    return this.#gateway.participants(meetingId);
  }
  act(meetingId: string, participantId: string, action: ParticipantAction): Promise<Participant> {
    return this.#gateway.act(meetingId, participantId, action);
  }
  numbers() {
    return this.#gateway.numbers();
  }

  trunks() {
    return this.#gateway.trunks();
  }
  h323() {
    return this.#gateway.h323();
  }
  onEvent(listener: Parameters<GatewayControl["onEvent"]>[0]) {
    return this.#gateway.onEvent(listener);
  }
}

async function withHashes(input: MeetingInput): Promise<MeetingInput> {
  const hash = async (pin: string | null | undefined) => (typeof pin === "string" && !pin.startsWith("scrypt$") ? hashPin(pin) : pin);
  const [guestPin, hostPin] = await Promise.all([hash(input.guestPin), hash(input.hostPin)]);
  return { ...input, ...(guestPin === undefined ? {} : { guestPin }), ...(hostPin === undefined ? {} : { hostPin }) };
}
