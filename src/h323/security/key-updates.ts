import type { ControlMessage } from "../../wire/h245/index.ts";
import { PayloadCipher } from "./h235-cipher.ts";
import type { SharedSecret } from "./h235-keys.ts";

type MiscellaneousCommand = NonNullable<NonNullable<ControlMessage["command"]>["miscellaneousCommand"]>;
type EncryptionSync = NonNullable<MiscellaneousCommand["type"]["encryptionUpdate"]>;
type Direction = "transmit" | "receive";

/** An encrypted channel that is open has another key, and payload type. What is under way may still be under the one before. */
export interface RekeyedEvent {
  readonly type: "rekeyed";
  readonly direction: Direction;
  readonly channel: number;
  readonly cipher: PayloadCipher;
}

/** What is known of the call when a command comes. */
export interface UpdateContext {
  /** We make the keys. */
  readonly master: boolean;
  readonly secret: SharedSecret;
  readonly random: (count: number) => Uint8Array;
}

/** Channels that can be known at once; a call has eight. */
const MOST_CHANNELS = 64;
/** Dynamic payload types. */
const FIRST = 96;
const LAST = 127;

/**
 * New keys for channels that are open (H.235.6 8.6, H.245's encryption update commands): the master's are taken and acknowledged, a slave's wish for one is met.
 * We ask for none and make none unasked: a key is good for 2^32 blocks, which at 2 Mbit/s is three days.
 */
export class KeyUpdates {
  /** What each channel is encrypted with now. */
  readonly #channels = new Map<string, PayloadCipher>();
  /** Keys for channels of ours that the slave has been told and has not acknowledged. */
  readonly #offered = new Map<number, PayloadCipher>();
  #events: RekeyedEvent[] = [];

  opened(direction: Direction, channel: number, cipher: PayloadCipher): void {
    if (this.#channels.size < MOST_CHANNELS) this.#channels.set(`${direction} ${channel}`, cipher);
  }
  closed(direction: Direction, channel: number): void {
    this.#channels.delete(`${direction} ${channel}`);
    if (direction === "transmit") this.#offered.delete(channel);
  }

  drain(): RekeyedEvent[] {
    const out = this.#events;
    this.#events = [];
    return out;
  }

  /** The answer to a command of the peer's; undefined where there is none, or it is about something else. */
  received(command: MiscellaneousCommand, context: UpdateContext): ControlMessage | undefined {
    const { encryptionUpdate, encryptionUpdateCommand, encryptionUpdateRequest, encryptionUpdateAck } = command.type;
    const { logicalChannelNumber: channel } = command;
    const sync = encryptionUpdateCommand?.encryptionSync ?? encryptionUpdate;
    if (sync !== undefined) {
      const taken = !context.master && this.#take(command, sync, context);
      // The older form has no acknowledgement.
      return taken && encryptionUpdate === undefined ? answer(command, { encryptionUpdateAck: { synchFlag: sync.synchFlag } }) : undefined;
    }
    if (encryptionUpdateRequest !== undefined)
      return context.master ? this.#meet(command, encryptionUpdateRequest.synchFlag, context) : undefined;
    const offered = encryptionUpdateAck && this.#offered.get(channel);
    if (offered === undefined || offered.payloadType !== encryptionUpdateAck?.synchFlag) return undefined;
    this.#offered.delete(channel);
    this.#tell("transmit", channel, offered);
    return undefined;
  }

  #take(command: MiscellaneousCommand, sync: EncryptionSync, { secret }: UpdateContext): boolean {
    const direction = this.#directionOf(command, false);
    const known = direction && this.#channels.get(`${direction} ${command.logicalChannelNumber}`);
    const key = known && secret.unseal(known.algorithm, sync.h235Key);
    if (direction === undefined || known === undefined || key === undefined) return false;
    const payloadType = sync.synchFlag >= FIRST && sync.synchFlag <= LAST ? sync.synchFlag : known.payloadType;
    this.#tell(direction, command.logicalChannelNumber, new PayloadCipher(known.algorithm, key, payloadType));
    return true;
  }

  #meet(command: MiscellaneousCommand, wanted: number | undefined, { secret, random }: UpdateContext): ControlMessage | undefined {
    const { logicalChannelNumber: channel } = command;
    const direction = this.#directionOf(command, true);
    const known = direction && this.#channels.get(`${direction} ${channel}`);
    if (direction === undefined || known === undefined) return undefined;
    const next = known.payloadType < LAST ? known.payloadType + 1 : known.payloadType - 1;
    const fits = wanted !== undefined && wanted >= FIRST && wanted <= LAST && wanted !== known.payloadType;
    const synchFlag = fits ? wanted : next;
    const key = random(known.algorithm.keyLength);
    const cipher = new PayloadCipher(known.algorithm, key, synchFlag);
    // Ours is used once the slave has it, the slave's own is understood from now on.
    if (direction === "transmit") this.#offered.set(channel, cipher);
    else this.#tell(direction, channel, cipher);
    return answer(command, { encryptionUpdateCommand: { encryptionSync: { synchFlag, h235Key: secret.seal(known.algorithm, key) } } });
  }

  /** Both sides may have a channel of that number: the command says whose is meant, and where only one is there it is that. */
  #directionOf({ logicalChannelNumber: channel, direction }: MiscellaneousCommand, master: boolean): Direction | undefined {
    const byMaster = direction === undefined ? !master : direction.masterToSlave === true;
    const said: Direction = byMaster === master ? "transmit" : "receive";
    const other: Direction = said === "transmit" ? "receive" : "transmit";
    return [said, other].find((each) => this.#channels.has(`${each} ${channel}`));
  }

  #tell(direction: Direction, channel: number, cipher: PayloadCipher): void {
    this.#channels.set(`${direction} ${channel}`, cipher);
    this.#events.push({ type: "rekeyed", direction, channel, cipher });
  }
}

function answer({ logicalChannelNumber, direction }: MiscellaneousCommand, type: MiscellaneousCommand["type"]): ControlMessage {
  return { command: { miscellaneousCommand: { logicalChannelNumber, type, ...(direction === undefined ? {} : { direction }) } } };
}
