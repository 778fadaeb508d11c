import { beforeEach, describe, expect, it } from "vitest";
import { BfcpServer, type FloorOutput } from "../../../src/bfcp/floor-server.ts";
import {
  ATTRIBUTE,
  BFCP_ERROR,
  type BfcpMessage,
  membersOf,
  numberAttribute,
  numberOf,
  PRIMITIVE,
  REQUEST_STATUS,
} from "../../../src/wire/bfcp/index.ts";
import { TIMEOUT } from "../../../src/base/machine.ts";

const IDENTITY = { conferenceId: 42, userId: 7, floorId: 1 };

function message(primitive: number, attributes: BfcpMessage["attributes"] = [], rest: Partial<BfcpMessage> = {}): BfcpMessage {
  return { version: 2, response: false, primitive, conferenceId: 42, transactionId: 1, userId: 7, attributes, ...rest };
}
const FLOOR = [numberAttribute(ATTRIBUTE.floorId, 1)];

/** Overall status of the request a message tells of. */
function status({ attributes }: BfcpMessage): number | undefined {
  const info = attributes.find(({ type }) => type === ATTRIBUTE.floorRequestInformation);
  const overall = info && membersOf(info).find(({ type }) => type === ATTRIBUTE.overallRequestStatus);
  return overall && membersOf(overall).find(({ type }) => type === ATTRIBUTE.requestStatus)?.value[0];
}
const requestId = (m: BfcpMessage) => numberOf(m, ATTRIBUTE.floorRequestInformation);

/** What it leaves: messages, and what has happened. */
function take(server: BfcpServer): { messages: BfcpMessage[]; events: FloorOutput[] } {
  const outputs = server.drain();
  return {
    messages: outputs.flatMap((output) => (output.type === "send" ? [output.message] : [])),
    events: outputs.filter(({ type }) => type !== "send"),
  };
}

describe("a floor control server", () => {
  let server: BfcpServer;
  beforeEach(() => {
    server = new BfcpServer(IDENTITY, false);
  });
  const request = (transactionId = 1) => server.received(message(PRIMITIVE.floorRequest, FLOOR, { transactionId }));

  it("grants a request and takes it back on release", () => {
    request();
    const pending = take(server);
    expect(pending.events).toEqual([{ type: "request" }]);
    expect(pending.messages).toMatchObject([{ primitive: PRIMITIVE.floorRequestStatus, transactionId: 1, response: true }]);
    expect(status(pending.messages[0]!)).toBe(REQUEST_STATUS.pending);
    server.grant(0);
    const [granted] = take(server).messages;
    expect(status(granted!)).toBe(REQUEST_STATUS.granted);
    server.received(message(PRIMITIVE.floorRequestStatusAck, [], { transactionId: granted!.transactionId, response: true }));
    expect(server.nextTimeout()).toBeUndefined();
    server.received(
      message(PRIMITIVE.floorRelease, [numberAttribute(ATTRIBUTE.floorRequestId, requestId(granted!)!)], { transactionId: 2 }),
    );
    const released = take(server);
    expect(released.events).toEqual([{ type: "release" }]);
    expect(status(released.messages[0]!)).toBe(REQUEST_STATUS.released);
  });

  it("repeats what is not acknowledged, doubling the pause, and then gives the client up", () => {
    request();
    take(server);
    server.grant(0);
    expect(take(server).messages).toHaveLength(1);
    const times: number[] = [];
    for (let next = server.nextTimeout(); next !== undefined; next = server.nextTimeout()) {
      server.handle(TIMEOUT, next);
      const { messages, events } = take(server);
      if (messages.length > 0) times.push(next);
      else expect(events).toEqual([{ type: "lost" }, { type: "release" }]);
    }
    expect(times).toEqual([500, 1_500, 3_500, 7_500]);
  });

  it("tells an earlier answer, and who its client is, to nobody who does not know", () => {
    request();
    take(server);
    server.received(message(PRIMITIVE.floorRequest, FLOOR, { version: 1, conferenceId: 1, userId: 2 }));
    const [error, ...more] = take(server).messages;
    expect(error).toMatchObject({ version: 1, primitive: PRIMITIVE.error, conferenceId: 1, userId: 2, transactionId: 1 });
    expect(more).toEqual([]);
    server.grant(0);
    expect(take(server).messages).toMatchObject([{ version: 2 }]);
  });

  it("answers a repeated request as it did before, and asks nobody twice", () => {
    request();
    const first = take(server);
    server.grant(0);
    take(server);
    request();
    const again = take(server);
    expect(again.events).toEqual([]);
    expect(again.messages).toEqual(first.messages);
  });

  it("revokes, and takes a new request then", () => {
    request();
    server.grant(0);
    take(server);
    server.revoke(10);
    expect(take(server).messages.map(status)).toEqual([REQUEST_STATUS.revoked]);
    request(3);
    expect(take(server).events).toEqual([{ type: "request" }]);
  });

  it("tells who asked of the floor when another has it, and when nobody has", () => {
    server.announce(true, 0);
    expect(take(server).messages).toEqual([]);
    server.received(message(PRIMITIVE.floorQuery, FLOOR));
    expect(status(take(server).messages[0]!)).toBe(REQUEST_STATUS.granted);
    server.announce(false, 5);
    const [told] = take(server).messages;
    expect(told).toMatchObject({ primitive: PRIMITIVE.floorStatus, response: false });
    expect(told!.attributes.map(({ type }) => type)).toEqual([ATTRIBUTE.floorId]);
    server.received(message(PRIMITIVE.floorQuery, [], { transactionId: 9 }));
    take(server);
    server.announce(true, 6);
    expect(take(server).messages).toEqual([]);
  });

  it("says hello and goodbye", () => {
    server.received(message(PRIMITIVE.hello));
    expect(take(server).messages).toMatchObject([{ primitive: PRIMITIVE.helloAck, response: true }]);
    request(2);
    take(server);
    server.received(message(PRIMITIVE.goodbye, [], { transactionId: 3 }));
    expect(take(server)).toMatchObject({
      messages: [{ primitive: PRIMITIVE.goodbyeAck }],
      events: [{ type: "lost" }, { type: "release" }],
    });
  });

  it.each([
    ["another conference", message(PRIMITIVE.floorRequest, FLOOR, { conferenceId: 43 }), BFCP_ERROR.conferenceUnknown],
    ["another user", message(PRIMITIVE.floorRequest, FLOOR, { userId: 8 }), BFCP_ERROR.userUnknown],
    ["another floor", message(PRIMITIVE.floorRequest, [numberAttribute(ATTRIBUTE.floorId, 2)]), BFCP_ERROR.invalidFloor],
    ["the chair's word", message(PRIMITIVE.chairAction), BFCP_ERROR.unauthorized],
    ["what nobody knows", message(99), BFCP_ERROR.unknownPrimitive],
    [
      "a request there is not",
      message(PRIMITIVE.floorRelease, [numberAttribute(ATTRIBUTE.floorRequestId, 5)]),
      BFCP_ERROR.floorRequestUnknown,
    ],
  ])("refuses %s with an error, and does nothing", (_, stranger, code) => {
    server.received(stranger);
    const { messages, events } = take(server);
    expect(events).toEqual([]);
    expect(messages).toMatchObject([{ primitive: PRIMITIVE.error, conferenceId: stranger.conferenceId, userId: stranger.userId }]);
    expect(messages[0]!.attributes[0]!.value[0]).toBe(code);
  });

  it("speaks version 1 with who came before RFC 8855, and waits for no acknowledgement", () => {
    server.received(message(PRIMITIVE.floorRequest, FLOOR, { version: 1 }));
    server.grant(0);
    const { messages } = take(server);
    expect(messages.map(({ version }) => version)).toEqual([1, 1]);
    expect(server.nextTimeout()).toBeUndefined();
  });

  it("over TCP repeats nothing and notifies under transaction 0", () => {
    const reliable = new BfcpServer(IDENTITY, true);
    reliable.received(message(PRIMITIVE.floorRequest, FLOOR, { version: 1 }));
    reliable.grant(0);
    expect(take(reliable).messages.map(({ transactionId, version }) => [transactionId, version])).toEqual([
      [1, 1],
      [0, 1],
    ]);
    expect(reliable.nextTimeout()).toBeUndefined();
  });
});
