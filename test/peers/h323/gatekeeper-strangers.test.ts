import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { toH225 } from "../../../src/h323/address.ts";
import {
  causeElement,
  decodeSignalling,
  encodeSignalling,
  H225_VERSION,
  type MessageBody,
  type SignallingMessage,
  TpktReader,
  tpkt,
} from "../../../src/wire/h225/index.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { portsOf } from "../../support/ports.ts";
import { type Proof, rasEndpoint } from "../../support/ras-endpoint.ts";

/** Strangers at the gatekeeper of a running gateway: whose names they can take, by RAS on real sockets. */
const PORT = portsOf("gatekeeper-strangers");
const RAS = PORT + 4;
const VICTIM = "127.0.0.81";
const STRANGER = "127.0.0.82";

const config = (registration: string) => `unknownCallers: { trust: unverified, srtp: none }
meetings: [{ id: 1000, name: Open }]
h323:
  gatekeeper:
    ${registration}
    endpoints:
      - { alias: alice, password: alices-word }
      - { alias: bob, password: bobs-word }
      - { alias: "4711", password: alices-word }
      - { alias: lamp }
`;

const alice = (method: Proof["method"], more: Partial<Proof> = {}): Proof => ({ user: "alice", password: "alices-word", method, ...more });

async function endpoint(host: string) {
  const made = await rasEndpoint(host, RAS);
  onTestFinished(made.close);
  return made;
}

describe("a gatekeeper that lets in whom it knows (the default)", () => {
  let gateway: Crosspoint;
  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config: config("identifier: gk") });
  });
  afterAll(() => gateway?.stop());
  const registered = async () =>
    (await gateway.api<{ gatekeeper: { endpoints: { aliases: string[]; address: string }[] } }>("GET", "/h323")).gatekeeper.endpoints;

  test("refuses names that are not listed, and meetings' numbers", async () => {
    const stranger = await endpoint(STRANGER);
    expect(await stranger.register(["carol"])).toBe("securityDenial");
    expect(await stranger.register(["1000"])).toBe("securityDenial");
    expect(gateway.logged("h323-ras-refused")[0]).toMatchObject({ detail: expect.stringContaining("h323.gatekeeper.endpoints") });
  });

  test.each(["hmac", "md5"] as const)(
    "wants the proof of every name: alice's password registers nobody else (H.235.1, %s)",
    async (method) => {
      const [victim, stranger] = [await endpoint(VICTIM), await endpoint(STRANGER)];
      for (const names of [["bob"], ["alice", "bob"], ["bob", "alice"], ["4711", "bob"]])
        expect(await victim.register(names, alice(method))).toBe("securityDenial");
      const identifier = await victim.register(["alice", "4711"], alice(method));
      expect(identifier).toMatch(/^[0-9a-f]{16}$/);
      // bob's password is not alice's, though her registration is named
      const bob = { user: "bob", password: "bobs-word", method };
      expect(await stranger.register(["bob"], bob, { endpointIdentifier: identifier })).not.toBe(identifier);
      expect((await registered()).flatMap(({ aliases }) => aliases)).toEqual(expect.arrayContaining(["alice", "4711"]));
      expect((await victim.unregister(identifier!)).unregistrationReject?.rejectReason).toEqual({ securityDenial: true });
      expect((await stranger.unregister(identifier!)).unregistrationReject).toBeDefined();
      expect((await stranger.unregister(identifier!, bob)).unregistrationReject).toBeDefined();
      expect((await victim.unregister(identifier!, alice(method))).unregistrationConfirm).toBeDefined();
    },
  );

  test.each(["hmac", "md5"] as const)("believes no token by a clock that is more than a minute off (H.235.1, %s)", async (method) => {
    const victim = await endpoint(VICTIM);
    for (const off of [-28 * 60, -90, 90]) expect(await victim.register(["alice"], alice(method, { off }))).toBe("securityDenial");
    expect(gateway.logged("h323-ras-refused").at(-1)).toMatchObject({ detail: expect.stringContaining("clock") });
    expect(await victim.register(["alice"], alice(method, { off: -40 }))).toMatch(/^[0-9a-f]{16}$/);
  });

  test.each(["hmac", "md5"] as const)("believes a token from its first sender only: GRQ, RRQ, ARQ and URQ (%s)", async (method) => {
    const [victim, stranger] = [await endpoint(VICTIM), await endpoint(STRANGER)];
    const request = victim.signed(victim.registration(["alice"]), alice(method, { off: 2 }));
    expect((await victim.sendBytes(request)).registrationConfirm).toBeDefined();
    // sent again, as RAS does where no answer has come
    const identifier = (await victim.sendBytes(request)).registrationConfirm?.endpointIdentifier;
    expect(identifier).toBeDefined();
    expect((await stranger.sendBytes(request)).registrationReject?.rejectReason).toEqual({ securityDenial: true });
    // the MD5 token does not cover the message that it is in: taken from one, it is of no use in another
    if (method === "md5") {
      expect(await stranger.register(["alice"], alice("md5", { off: 2 }))).toBe("securityDenial");
      expect((await stranger.unregister(identifier!, alice("md5", { off: 2 }))).unregistrationReject).toBeDefined();
      expect((await stranger.admit(identifier!, "1000", alice("md5", { off: 2 }))).admissionReject).toBeDefined();
    }
    expect((await registered()).find(({ aliases }) => aliases.includes("alice"))?.address).toBe(`${VICTIM}:1720`);
    expect((await victim.admit(identifier!, "1000", alice(method))).admissionConfirm).toBeDefined();
    expect((await victim.admit(identifier!, "1000")).admissionReject?.rejectReason).toEqual({ securityDenial: true });
    // who proves the password may come from elsewhere
    // once what was wrong before does not hold it up any more; what is held up is not counted
    let off = 5;
    await expect.poll(() => stranger.register(["alice"], alice(method, { off: off++ })), { interval: 1_000 }).toMatch(/^[0-9a-f]{16}$/);
    expect((await registered()).find(({ aliases }) => aliases.includes("alice"))?.address).toBe(`${STRANGER}:1720`);
    const discovery = {
      gatekeeperRequest: {
        requestSeqNum: 77,
        protocolIdentifier: "0.0.8.2250.0.7",
        rasAddress: { ipAddress: { ip: Uint8Array.of(127, 0, 0, 82), port: 9 } },
        endpointType: { mc: false, undefinedNode: false },
        endpointAlias: [{ "h323-ID": "alice" }],
      },
    };
    expect((await stranger.ask(discovery, alice(method, { off: 600 }))).gatekeeperReject?.rejectReason).toEqual({ securityDenial: true });
    expect((await stranger.ask(discovery)).gatekeeperConfirm).toBeDefined();
  });

  test("changes a registration without a password only at the word of the host that made it (H.225.0 7.9)", async () => {
    const [victim, stranger] = [await endpoint(VICTIM), await endpoint(STRANGER)];
    const identifier = (await victim.register(["lamp"]))!;
    // it names the victim's address, and its registration
    expect(await stranger.register(["lamp"], undefined, { signalling: VICTIM })).toBe("duplicateAlias");
    expect(await stranger.register(["lamp"], undefined, { signalling: VICTIM, endpointIdentifier: identifier })).toBe("duplicateAlias");
    expect(await stranger.register([], undefined, { keepAlive: true, endpointIdentifier: identifier })).toBe("fullRegistrationRequired");
    expect((await stranger.unregister(identifier)).unregistrationReject).toBeDefined();
    expect((await stranger.admit(identifier, "1000")).admissionReject?.rejectReason).toEqual({ callerNotRegistered: true });
    expect((await registered()).find(({ aliases }) => aliases.includes("lamp"))?.address).toBe(`${VICTIM}:1720`);
    // restarted, with another port of RAS
    expect(await (await endpoint(VICTIM)).register(["lamp"])).toMatch(/^[0-9a-f]{16}$/);
    expect(await victim.register([], undefined, { keepAlive: true, endpointIdentifier: identifier })).toBe("fullRegistrationRequired");
  });
});

test("a gatekeeper that is open to anybody keeps names that have passwords, and names that are taken", async () => {
  const gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config: config("registration: anybody") });
  onTestFinished(async () => void (await gateway.stop()));
  const [victim, stranger] = [await endpoint(VICTIM), await endpoint(STRANGER)];
  expect(await victim.register(["carol"])).toMatch(/^[0-9a-f]{16}$/);
  expect(await stranger.register(["carol"], undefined, { signalling: VICTIM })).toBe("duplicateAlias");
  expect(await stranger.register(["bob", "dave"])).toBe("securityDenial");
  expect(await stranger.register(["dave"])).toMatch(/^[0-9a-f]{16}$/);
});

describe("calls of ours", () => {
  let gateway: Crosspoint;
  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config: config("identifier: gk") });
  });
  afterAll(() => gateway?.stop());
  const [FORWARDER, TARGET] = [PORT + 10, PORT + 11];

  /** Answers the first Setup on a TCP port; tells what it has called. */
  async function callee(port: number, answer: (setup: SignallingMessage) => SignallingMessage) {
    const called: (string | undefined)[] = [];
    const server = createServer((socket) => {
      const reader = new TpktReader(32_768);
      socket.on("error", () => {});
      socket.on("data", (data) => {
        for (const payload of reader.push(data)) {
          const message = decodeSignalling(payload);
          if (message.type !== "setup") continue;
          called.push(message.info?.["h323-uu-pdu"]["h323-message-body"].setup?.destinationAddress?.[0]?.["h323-ID"]);
          socket.write(tpkt(encodeSignalling(answer(message))));
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(port, VICTIM, resolve));
    onTestFinished(() => void server.close());
    return called;
  }
  const reply = (setup: SignallingMessage, type: "facility" | "releaseComplete", body: MessageBody): SignallingMessage => ({
    type,
    callReference: setup.callReference,
    fromDestination: true,
    elements: type === "releaseComplete" ? [causeElement(17)] : [],
    info: { "h323-uu-pdu": { "h323-message-body": body, h245Tunnelling: false } },
  });
  const about = (setup: SignallingMessage) => {
    const { callIdentifier } = setup.info!["h323-uu-pdu"]["h323-message-body"].setup!;
    return { protocolIdentifier: H225_VERSION, callIdentifier: callIdentifier! };
  };

  test("go where Facility says: callForwarded (H.225.0 7.4.1)", async () => {
    await callee(FORWARDER, (setup) =>
      reply(setup, "facility", {
        facility: {
          ...about(setup),
          alternativeAddress: toH225({ host: VICTIM, port: TARGET }),
          alternativeAliasAddress: [{ "h323-ID": "new-room" }],
          reason: { callForwarded: true },
        },
      }),
    );
    const called = await callee(TARGET, (setup) =>
      reply(setup, "releaseComplete", { releaseComplete: { ...about(setup), reason: { inConf: true } } }),
    );
    await gateway.api("POST", "/calls", { uri: `h323:room@${VICTIM}:${FORWARDER}`, meetingId: "1000" });
    await expect.poll(() => called).toEqual(["new-room"]);
    await expect
      .poll(async () => (await gateway.records()).map(({ outcome }) => outcome))
      .toEqual(expect.arrayContaining(["completed", "far-end-refused"]));
    expect((await gateway.records()).find(({ outcome }) => outcome === "completed")?.reason).toBe(`forwarded to ${VICTIM}:${TARGET}`);
  });

  test("that could not be placed leave a record, a line in the log and a count", async () => {
    const uri = `h323:room@${VICTIM}:${PORT + 12}`;
    await expect(gateway.api("POST", "/calls", { uri, meetingId: "1000" })).rejects.toThrow(/not-reached/);
    await expect
      .poll(async () => (await gateway.records())[0])
      .toMatchObject({
        outcome: "far-end-unreachable",
        direction: "out",
        protocol: "h323",
        meetingId: "1000",
        reason: expect.stringContaining("ECONNREFUSED"),
      });
    expect(gateway.logged("call-refused").at(-1)).toMatchObject({ outcome: "far-end-unreachable" });
    expect(await gateway.metric('crosspoint_refusals_total{code="far-end-unreachable"}')).toBe(1);
  });
});
