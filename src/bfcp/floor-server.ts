import type { Millis } from "../base/clock.ts";
import type { Machine, Timeout } from "../base/machine.ts";
import {
  ATTRIBUTE,
  BFCP_ERROR,
  type BfcpAttribute,
  type BfcpMessage,
  groupAttribute,
  numberAttribute,
  numberOf,
  PRIMITIVE,
  REQUEST_STATUS,
  statusAttribute,
} from "../wire/bfcp/index.ts";

/** RFC 8855 section 8.3.1: first retransmission after so long, doubled up to four times. */
const T1_MS = 500;
const RETRANSMISSIONS = 4;
/** Answers kept for a client that did not get them and asks again. */
const KEPT_ANSWERS = 16;

/** Who the client is, as our description told it (RFC 8856). */
export interface FloorIdentity {
  readonly conferenceId: number;
  readonly userId: number;
  readonly floorId: number;
}

export type FloorEvent =
  /** The client asks for the floor: exactly one of `grant` and `deny` is to follow. */
  | { readonly type: "request" }
  /** It has given it back, or withdrawn its request. */
  | { readonly type: "release" }
  /** It does not answer any more; the floor is free if it had it. */
  | { readonly type: "lost" };

export type FloorOutput = { readonly type: "send"; readonly message: BfcpMessage } | FloorEvent;

interface Pending {
  readonly message: BfcpMessage;
  sent: number;
  at: Millis;
}

/**
 * The floor control server for one client and one floor, its screen (RFC 8855 section 13). Sans-IO: messages in, messages and events out. Over UDP
 * (`reliable: false`) our notifications are repeated until they are acknowledged; over TCP they are neither.
 */
export class BfcpServer implements Machine<FloorOutput> {
  readonly #identity: FloorIdentity;
  readonly #reliable: boolean;
  readonly #out: FloorOutput[] = [];
  /** As the client speaks: its first message tells. */
  #version: number;
  #transaction = 0;
  #requestId = 0;
  #request: { readonly id: number; readonly beneficiary: number; status: number } | undefined;
  /** Who else has the floor, as far as the client is to know. */
  #others = false;
  /** It wants to hear of the floor (FloorQuery). */
  #watching = false;
  #pending = new Map<number, Pending>();
  #answers = new Map<number, readonly BfcpMessage[]>();

  constructor(identity: FloorIdentity, reliable: boolean) {
    this.#identity = identity;
    this.#reliable = reliable;
    this.#version = reliable ? 1 : 2;
  }

  drain(): FloorOutput[] {
    return this.#out.splice(0);
  }

  nextTimeout(): Millis | undefined {
    let next: Millis | undefined;
    for (const { at } of this.#pending.values()) next = next === undefined ? at : Math.min(next, at);
    return next;
  }

  handle(_: Timeout, now: Millis): void {
    for (const [transaction, pending] of this.#pending) {
      if (pending.at > now) continue;
      if (pending.sent > RETRANSMISSIONS) {
        this.#pending.delete(transaction);
        this.#lose();
        continue;
      }
      pending.at = now + T1_MS * 2 ** pending.sent;
      pending.sent += 1;
      this.#send(pending.message);
    }
  }

  #send(...messages: readonly BfcpMessage[]): void {
    for (const message of messages) this.#out.push({ type: "send", message });
  }

  received(message: BfcpMessage) {
    const { conferenceId, userId } = this.#identity;
    if (message.response || message.primitive === PRIMITIVE.floorRequestStatusAck || message.primitive === PRIMITIVE.floorStatusAck) {
      this.#pending.delete(message.transactionId);
      return;
    }
    if (message.primitive === PRIMITIVE.error) return;
    if (message.conferenceId !== conferenceId) return this.#fail(message, BFCP_ERROR.conferenceUnknown);
    if (message.userId !== userId) return this.#fail(message, BFCP_ERROR.userUnknown);
    this.#version = this.#reliable ? 1 : message.version;
    const again = this.#answers.get(message.transactionId);
    if (again && !this.#reliable) return this.#send(...again);
    switch (message.primitive) {
      case PRIMITIVE.hello:
        return this.#answer(message, PRIMITIVE.helloAck, SUPPORTED);
      case PRIMITIVE.goodbye:
        this.#answer(message, PRIMITIVE.goodbyeAck, []);
        return this.#lose();
      case PRIMITIVE.floorRequest:
        return this.#onRequest(message);
      case PRIMITIVE.floorRelease:
        return this.#onRelease(message);
      case PRIMITIVE.floorRequestQuery:
        return this.#onRequestQuery(message);
      case PRIMITIVE.floorQuery:
        return this.#onFloorQuery(message);
      case PRIMITIVE.userQuery:
        return this.#answer(message, PRIMITIVE.userStatus, this.#request ? [this.#requestInformation()] : []);
      case PRIMITIVE.chairAction:
        return this.#fail(message, BFCP_ERROR.unauthorized);
      default:
        return this.#fail(message, BFCP_ERROR.unknownPrimitive);
    }
  }

  grant(now: Millis): void {
    this.#settle(REQUEST_STATUS.granted, now);
  }

  deny(now: Millis): void {
    this.#settle(REQUEST_STATUS.denied, now);
  }

  revoke(now: Millis): void {
    this.#settle(REQUEST_STATUS.revoked, now);
  }

  /** Somebody else has the floor, or nobody: those who asked are told. */
  announce(others: boolean, now: Millis): void {
    if (this.#others === others) return;
    this.#others = others;
    if (this.#watching) this.#notify(PRIMITIVE.floorStatus, this.#floorStatus(), now);
  }

  /** The far end's connection is lost. */
  lost(): void {
    this.#lose();
  }

  #onRequest(message: BfcpMessage) {
    if (numberOf(message, ATTRIBUTE.floorId) !== this.#identity.floorId) return this.#fail(message, BFCP_ERROR.invalidFloor);
    // a second request while one is open: the same wish, told again
    if (!this.#request) {
      this.#requestId = (this.#requestId % 0xffff) + 1;
      const beneficiary = numberOf(message, ATTRIBUTE.beneficiaryId) ?? message.userId;
      this.#request = { id: this.#requestId, beneficiary, status: REQUEST_STATUS.pending };
      this.#out.push({ type: "request" });
    }
    this.#answer(message, PRIMITIVE.floorRequestStatus, [this.#requestInformation()]);
  }

  #onRelease(message: BfcpMessage) {
    const request = this.#request;
    if (!request || numberOf(message, ATTRIBUTE.floorRequestId) !== request.id) return this.#fail(message, BFCP_ERROR.floorRequestUnknown);
    request.status = request.status === REQUEST_STATUS.granted ? REQUEST_STATUS.released : REQUEST_STATUS.cancelled;
    this.#answer(message, PRIMITIVE.floorRequestStatus, [this.#requestInformation()]);
    this.#request = undefined;
    this.#out.push({ type: "release" });
  }

  #onRequestQuery(message: BfcpMessage) {
    if (!this.#request || numberOf(message, ATTRIBUTE.floorRequestId) !== this.#request.id) {
      return this.#fail(message, BFCP_ERROR.floorRequestUnknown);
    }
    this.#answer(message, PRIMITIVE.floorRequestStatus, [this.#requestInformation()]);
  }

  #onFloorQuery(message: BfcpMessage) {
    const asked = numberOf(message, ATTRIBUTE.floorId);
    // no floor named: no more notifications (RFC 8855 section 12.1)
    if (asked !== undefined && asked !== this.#identity.floorId) return this.#fail(message, BFCP_ERROR.invalidFloor);
    this.#watching = asked !== undefined;
    this.#answer(message, PRIMITIVE.floorStatus, this.#floorStatus());
  }

  #settle(status: number, now: Millis): void {
    const request = this.#request;
    if (!request || request.status === status) return;
    request.status = status;
    this.#notify(PRIMITIVE.floorRequestStatus, [this.#requestInformation()], now);
    if (status !== REQUEST_STATUS.granted) this.#request = undefined;
    if (this.#watching) this.#notify(PRIMITIVE.floorStatus, this.#floorStatus(), now);
  }

  #lose(): void {
    this.#pending.clear();
    this.#watching = false;
    const had = this.#request !== undefined;
    this.#request = undefined;
    this.#out.push({ type: "lost" });
    if (had) this.#out.push({ type: "release" });
  }

  #requestInformation(): BfcpAttribute {
    const { id, beneficiary, status } = this.#request!;
    return groupAttribute(ATTRIBUTE.floorRequestInformation, id, [
      groupAttribute(ATTRIBUTE.overallRequestStatus, id, [statusAttribute(status)]),
      groupAttribute(ATTRIBUTE.floorRequestStatus, this.#identity.floorId, []),
      groupAttribute(ATTRIBUTE.beneficiaryInformation, beneficiary, []),
    ]);
  }

  /** The floor, and who has it; another holder is nobody this client could name, so its request's number is 0. */
  #floorStatus(): BfcpAttribute[] {
    const floor = numberAttribute(ATTRIBUTE.floorId, this.#identity.floorId);
    if (this.#request) return [floor, this.#requestInformation()];
    if (!this.#others) return [floor];
    return [
      floor,
      groupAttribute(ATTRIBUTE.floorRequestInformation, 0, [
        groupAttribute(ATTRIBUTE.overallRequestStatus, 0, [statusAttribute(REQUEST_STATUS.granted)]),
        groupAttribute(ATTRIBUTE.floorRequestStatus, this.#identity.floorId, []),
      ]),
    ];
  }

  #answer(request: BfcpMessage, primitive: number, attributes: readonly BfcpAttribute[]): void {
    const answer = this.#message(primitive, request.transactionId, true, attributes);
    this.#answers.set(request.transactionId, [answer]);
    for (const old of this.#answers.keys()) if (this.#answers.size > KEPT_ANSWERS) this.#answers.delete(old);
    this.#send(answer);
  }

  #fail(request: BfcpMessage, code: number): void {
    const error = this.#message(PRIMITIVE.error, request.transactionId, true, [errorAttribute(code)]);
    const { conferenceId, userId } = request;
    // told under the identity that was used, wrong as it is (RFC 8855 section 13.8)
    this.#send({ ...error, version: this.#reliable ? 1 : request.version, conferenceId, userId });
  }

  #notify(primitive: number, attributes: readonly BfcpAttribute[], now: Millis): void {
    if (this.#reliable) {
      this.#send(this.#message(primitive, 0, false, attributes));
      return;
    }
    this.#transaction = (this.#transaction % 0xffff) + 1;
    const message = this.#message(primitive, this.#transaction, false, attributes);
    // who came before RFC 8855 does not acknowledge: told once
    if (this.#version > 1) this.#pending.set(this.#transaction, { message, sent: 1, at: now + T1_MS });
    this.#send(message);
  }

  #message(primitive: number, transactionId: number, response: boolean, attributes: readonly BfcpAttribute[]): BfcpMessage {
    const { conferenceId, userId } = this.#identity;
    return { version: this.#version, response, primitive, conferenceId, transactionId, userId, attributes };
  }
}

function errorAttribute(code: number): BfcpAttribute {
  return { type: ATTRIBUTE.errorCode, mandatory: true, value: Uint8Array.of(code) };
}

const SUPPORTED: readonly BfcpAttribute[] = [
  {
    type: ATTRIBUTE.supportedPrimitives,
    mandatory: true,
    value: Uint8Array.from(
      Object.values(PRIMITIVE).filter((primitive) => primitive !== PRIMITIVE.chairAction && primitive !== PRIMITIVE.chairActionAck),
    ),
  },
  { type: ATTRIBUTE.supportedAttributes, mandatory: true, value: Uint8Array.from(Object.values(ATTRIBUTE).map((type) => type << 1)) },
];
