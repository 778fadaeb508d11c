import type { Socket } from "node:dgram";
import { connect, type Socket as TcpSocket } from "node:net";
import {
  ATTRIBUTE,
  type BfcpAttribute,
  type BfcpMessage,
  bfcpLength,
  membersOf,
  numberAttribute,
  numberOf,
  PRIMITIVE,
  parseBfcp,
  REQUEST_STATUS,
  writeBfcp,
} from "../../src/wire/bfcp/index.ts";
import type { SdpMedia } from "../../src/wire/sdp/index.ts";

const HOST = "127.0.0.1";

/** A floor control client as room systems have them: asks for the floor, acknowledges, keeps what it was told. */
export abstract class RoomFloor {
  /** Names of the statuses told, in order, repetitions left out. */
  readonly told: string[] = [];
  /** The version of what came. */
  version = 0;
  port = 0;
  readonly #version: number;
  #conference = 0;
  #user = 0;
  #request: number | undefined;
  #transaction = 0;

  constructor(version: 1 | 2) {
    this.#version = version;
  }

  abstract offer(label: number): string[];
  abstract close(): void;
  protected abstract transmit(bytes: Uint8Array): void;

  answered(media: SdpMedia): void {
    const value = (name: string) => Number(media.attributes.find((one) => one.name === name)?.value);
    this.#conference = value("confid");
    this.#user = value("userid");
    this.port = media.port;
  }

  /** A request as it stands on the wire; `other` changes it. */
  message(primitive: number, attributes: readonly BfcpAttribute[], other: Partial<BfcpMessage> = {}): Uint8Array {
    const transactionId = ++this.#transaction;
    const ids = { conferenceId: this.#conference, userId: this.#user, transactionId };
    return writeBfcp({ version: this.#version, response: false, primitive, ...ids, attributes, ...other });
  }

  request(): void {
    this.transmit(this.message(PRIMITIVE.floorRequest, [numberAttribute(ATTRIBUTE.floorId, 1)]));
  }

  release(): void {
    this.transmit(this.message(PRIMITIVE.floorRelease, [numberAttribute(ATTRIBUTE.floorRequestId, this.#request ?? 0)]));
  }

  protected received(bytes: Uint8Array): void {
    const message = parseBfcp(bytes);
    if (!message) return;
    this.version = message.version;
    if (message.primitive !== PRIMITIVE.floorRequestStatus) return;
    const info = message.attributes.find(({ type }) => type === ATTRIBUTE.floorRequestInformation);
    const overall = info && membersOf(info).find(({ type }) => type === ATTRIBUTE.overallRequestStatus);
    const status = overall && membersOf(overall).find(({ type }) => type === ATTRIBUTE.requestStatus)?.value[0];
    this.#request = numberOf(message, ATTRIBUTE.floorRequestInformation);
    const name = Object.entries(REQUEST_STATUS).find(([, value]) => value === status)?.[0] ?? String(status);
    if (this.told.at(-1) !== name) this.told.push(name);
    if (message.response || this.#version === 1) return;
    const { transactionId } = message;
    this.transmit(this.message(PRIMITIVE.floorRequestStatusAck, [], { response: true, transactionId }));
  }
}

export class UdpFloor extends RoomFloor {
  readonly #socket: Socket;

  constructor(socket: Socket, version: 1 | 2) {
    super(version);
    this.#socket = socket;
    socket.on("message", (bytes) => this.received(bytes));
  }

  offer(label: number): string[] {
    return [`m=application ${this.#socket.address().port} UDP/BFCP *`, "a=floorctrl:c-only", `a=floorid:1 mstrm:${label}`];
  }

  protected transmit(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.port, HOST);
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // closed before
    }
  }
}

export class TcpFloor extends RoomFloor {
  #socket: TcpSocket | undefined;
  #buffer = Buffer.alloc(0);

  constructor() {
    super(1);
  }

  offer(label: number): string[] {
    return ["m=application 9 TCP/BFCP *", "a=floorctrl:c-only", "a=setup:active", "a=connection:new", `a=floorid:1 mstrm:${label}`];
  }

  override answered(media: SdpMedia): void {
    super.answered(media);
    if (this.#socket) return;
    this.#socket = connect(media.port, HOST);
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (data) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      for (
        let length = bfcpLength(this.#buffer);
        length !== undefined && this.#buffer.length >= length;
        length = bfcpLength(this.#buffer)
      ) {
        this.received(this.#buffer.subarray(0, length));
        this.#buffer = this.#buffer.subarray(length);
      }
    });
  }

  protected transmit(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  close(): void {
    this.#socket?.destroy();
  }
}
