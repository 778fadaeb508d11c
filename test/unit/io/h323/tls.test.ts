import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { connect as connectTcp, type Socket } from "node:net";
import { connect } from "node:tls";
import type { CallEvent } from "../../../../src/h323/index.ts";
import { type H323Endpoint, type H323Session, openH323Endpoint, type TlsSettings } from "../../../../src/io/index.ts";
import { createAuthority, type Issued, issueCertificate } from "../../../../src/security/issue.ts";

const kind = "ecdsa-p256" as const;
let root: Issued;
let stranger: Issued;
const certificate = async (authority: Issued, commonName: string, names: string[]): Promise<TlsSettings> => {
  const own = await issueCertificate(authority, { subject: { commonName, names }, kind });
  return { cert: own.chain, key: own.key, cas: [root.cert] };
};
let gateway: TlsSettings;
let room: TlsSettings;
let false_: TlsSettings;

beforeAll(async () => {
  root = await createAuthority({ subject: { commonName: "root" }, kind });
  stranger = await createAuthority({ subject: { commonName: "somebody's root" }, kind });
  gateway = await certificate(root, "gateway.example", ["gateway.example", "127.0.0.1"]);
  room = await certificate(root, "room.example", ["room.example"]);
  false_ = await certificate(stranger, "room.example", ["room.example", "127.0.0.1"]);
});

const open: H323Endpoint[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((e) => e.close()));
});

const media = { rtp: { host: "127.0.0.1", port: 40_000 }, rtcp: { host: "127.0.0.1", port: 40_001 } };

/** An endpoint over TLS that answers; `seen` are the sessions it was brought, `events` what they told. */
async function endpoint(settings: TlsSettings, tunnelling = true) {
  const seen: H323Session[] = [];
  const events: CallEvent[] = [];
  const e = await openH323Endpoint({
    host: "127.0.0.1",
    port: 0,
    identity: { aliases: [{ "h323-ID": "x" }], displayName: "x", product: "test", version: "1" },
    capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: undefined, userInput: ["alphanumeric"] },
    style: { tunnelling },
    tls: { port: 0, settings },
    onSession: (session) => {
      seen.push(session);
      session.onEvent = (event) => {
        events.push(event);
        if (event.type === "incoming")
          session.act((machine, now) => {
            machine.setMedia(media, now);
            machine.answer(now);
          });
      };
    },
  });
  open.push(e);
  return { e, seen, events };
}

/** Calls over TLS; resolves when the call is up or over. */
function call(from: H323Endpoint, to: H323Endpoint, trunk?: string): Promise<CallEvent> {
  return new Promise((resolve, reject) => {
    from
      .call(
        { host: "127.0.0.1", port: to.tlsPort! },
        { aliases: [{ "h323-ID": "x" }] },
        {
          tls: { trunk },
          prepare: (session) => {
            session.onEvent = (event) => {
              if (event.type === "transmit" || event.type === "released") resolve(event);
            };
            session.act((machine, now) => machine.setMedia(media, now));
          },
        },
      )
      .catch(reject);
  });
}

describe("H.323 call signalling over TLS", () => {
  it("takes a call and sees the caller's certificate", async () => {
    const b = await endpoint(gateway);
    const a = await endpoint(room);
    expect(await call(a.e, b.e)).toMatchObject({ type: "transmit" });
    expect(b.seen[0]).toMatchObject({
      transport: "tls",
      certificate: { verified: true, subject: expect.stringContaining("room.example"), san: ["DNS:room.example"] },
    });
    // The port that a peer is to call back is the one that is encrypted.
    expect(b.seen[0]?.peer.host).toBe("127.0.0.1");
  });

  it("takes a caller whose certificate nobody knows, as one who is not verified; refusing is the trunk's", async () => {
    const b = await endpoint(gateway);
    const a = await endpoint({ ...false_, cas: [root.cert] });
    expect(await call(a.e, b.e)).toMatchObject({ type: "transmit" });
    expect(b.seen[0]?.certificate).toMatchObject({ verified: false });
  });

  it("does not call a server of another authority or another name, unless its name is the one wanted", async () => {
    const cas = [root.cert];
    const trunks = { room: { cas, names: ["room.example"] }, hall: { cas, names: ["hall.example"] }, far: { cas: [stranger.cert] } };
    const a = await endpoint({ ...gateway, trunks });
    const foreign = await endpoint(false_);
    await expect(call(a.e, foreign.e)).rejects.toMatchObject({ code: "certificate-unknown-ca" });
    const other = await endpoint(room);
    await expect(call(a.e, other.e)).rejects.toMatchObject({ code: "certificate-name" });
    expect(await call(a.e, other.e, "room")).toMatchObject({ type: "transmit" });
    await expect(call(a.e, other.e, "hall")).rejects.toThrow(/another name/);
    // the CA of one trunk vouches for nobody else
    expect(await call(a.e, foreign.e, "far")).toMatchObject({ type: "transmit" });
    await expect(call(a.e, foreign.e, "room")).rejects.toMatchObject({ code: "certificate-unknown-ca" });
    await expect(call(a.e, other.e, "far")).rejects.toMatchObject({ code: "certificate-unknown-ca" });
    expect(other.seen).toHaveLength(1);
  });

  it("does not open a control connection in the clear beside it", async () => {
    const b = await endpoint(gateway);
    const a = await endpoint(room, false);
    expect(await call(a.e, b.e)).toMatchObject({ type: "released", cause: 79 });
    expect(b.events.at(-1)).toMatchObject({ type: "released", cause: 79 });
  });

  it("shows new certificates from a reload on, and keeps the old when new ones do not fit", async () => {
    const b = await endpoint(gateway);
    const name = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port: b.e.tlsPort!, ca: [root.cert], checkServerIdentity: () => undefined }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        });
        socket.once("error", reject);
      });
    expect(await name()).toBe("gateway.example");
    b.e.reloadTls(room);
    expect(await name()).toBe("room.example");
    expect(() => b.e.reloadTls({ ...gateway, key: room.key })).toThrow();
    expect(await name()).toBe("room.example");
  });

  it("ends calls whose peer's authority a reload removes, and leaves those of others", async () => {
    const cas = [root.cert, stranger.cert];
    const b = await endpoint({ ...gateway, cas });
    const [gone, stays] = [await endpoint({ ...false_, cas }), await endpoint(room)];
    for (const caller of [gone, stays]) expect(await call(caller.e, b.e)).toMatchObject({ type: "transmit" });
    const over = () => b.seen.map(({ closed }) => closed);
    b.e.reloadTls({ ...gateway, cas });
    expect(over()).toEqual([false, false]);
    b.e.reloadTls(gateway);
    await expect.poll(over).toEqual([true, false]);
    expect(b.events.filter(({ type }) => type === "released")).toHaveLength(1);
  });

  it("ends calls of ours to a server whose authority a reload takes from the trunk", async () => {
    const own = { cas: [stranger.cert], names: ["room.example"] };
    const [a, b] = [await endpoint({ ...gateway, trunks: { far: own } }), await endpoint(false_)];
    expect(await call(a.e, b.e, "far")).toMatchObject({ type: "transmit" });
    a.e.reloadTls({ ...gateway, trunks: { far: own, near: { ...own, cas: [root.cert] } } });
    expect(b.seen[0]?.closed).toBe(false);
    a.e.reloadTls({ ...gateway, trunks: { far: { ...own, cas: [root.cert] }, near: own } });
    await expect.poll(() => b.seen[0]?.closed).toBe(true);
  });

  it("lets one address have twenty handshakes under way, the oldest given up for a newer one", async () => {
    const b = await endpoint(gateway);
    const sockets: Socket[] = [];
    const begun = () =>
      new Promise<Socket>((resolve) => {
        const socket = connectTcp({ host: "127.0.0.1", port: b.e.tlsPort! }, () => resolve(socket));
        sockets.push(socket.on("error", () => {}));
      });
    for (let i = 0; i < 20; i++) await begun();
    const oldest = new Promise((resolve) => sockets[0]!.once("close", resolve));
    await begun();
    await oldest;
    expect(sockets.map((socket) => socket.destroyed)).toEqual([true, ...new Array<boolean>(20).fill(false)]);
    for (const socket of sockets) socket.destroy();
    const a = await endpoint(room);
    await expect
      .poll(() =>
        call(a.e, b.e).then(
          ({ type }) => type,
          () => "refused",
        ),
      )
      .toBe("transmit");
  });

  it("says why a handshake came to nothing", async () => {
    const failed: string[] = [];
    const b = await openH323Endpoint({
      host: "127.0.0.1",
      port: 0,
      identity: { aliases: [{ "h323-ID": "x" }], displayName: "x", product: "test", version: "1" },
      capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: undefined, userInput: ["alphanumeric"] },
      tls: { port: 0, settings: gateway },
      onSession: () => {},
      onHandshakeFailed: (peer, why) => failed.push(`${peer.host} ${why}`),
    });
    open.push(b);
    const socket = connectTcp({ host: "127.0.0.1", port: b.tlsPort! }, () => socket.write("OPTIONS sip:x SIP/2.0\r\n\r\n"));
    socket.on("error", () => {});
    await expect.poll(() => failed).toEqual(["127.0.0.1 it does not speak TLS on this port"]);
    socket.destroy();
  });
});
