/** A program that has installed the package: compiled and run by package.test.ts, where `crosspoint` is in node_modules. */
import { loadConfig } from "crosspoint";
import { type H323Call, openH323Calls } from "crosspoint/h323";
import { startMediaServer } from "crosspoint/media-server";
import { decode, encode, type Infer, integer, sequence } from "crosspoint/per";
import { openSipEndpoint, type SipEndpoint } from "crosspoint/sip";
import { startSipEngine } from "crosspoint/sip-engine";
import { findSuite, generateKeying, SRTP_MAX_OVERHEAD, SrtpReceiver, SrtpSender } from "crosspoint/srtp";

const host = "127.0.0.1";

async function sip(): Promise<string> {
  const callee: SipEndpoint = await openSipEndpoint({
    host,
    port: 0,
    onInvite: (session, now) => session.answer(now, { body: "v=0\r\n" }),
  });
  const caller = await openSipEndpoint({ host, port: 0, onInvite: (session, now) => session.reject(now, 486) });
  const answered = await new Promise<string>((resolve) => {
    const uri = `sip:callee@${host}:${callee.listeners[0]?.port}`;
    const events = { onAnswered: (response: { readonly status: number }) => resolve(`answered ${response.status}`) };
    caller.invite({ uri, from: `sip:caller@${host}`, body: "v=0\r\n", events });
  });
  await Promise.all([caller.close(), callee.close()]);
  return answered;
}

async function h323(): Promise<string> {
  const audio = [{ codec: "PCMU", maxPtime: 20 }] as const;
  const media = { rtp: { host, port: 5004 }, rtcp: { host, port: 5005 } };
  const answer = (call: H323Call) => {
    call.onEvent = ({ type }) => {
      if (type !== "incoming") return;
      call.setMedia(media);
      call.answer();
    };
  };
  const callee = await openH323Calls({ host, port: 0, name: "callee", audio, onCall: answer });
  const caller = await openH323Calls({ host, port: 0, name: "caller", audio });
  const name = await new Promise<string | undefined>((resolve) => {
    void caller.call(callee.address, "1000", {
      media,
      onEvent: (event) => event.type === "connected" && resolve(event.displayName),
    });
  });
  await Promise.all([caller.close(), callee.close()]);
  return `connected to ${name}`;
}

async function engines(): Promise<string> {
  const engine = await startSipEngine({ drachtio: { host, port: 0, secret: "secret" }, listeners: [{ transport: "udp", host, port: 0 }] });
  const media = await startMediaServer({
    esl: { host, port: 0, password: "secret" },
    sip: { host, port: 0 },
    rtp: { host, minPort: 41_000, maxPort: 41_099 },
  });
  const up = engine.drachtioPort > 0 && media.eslPort > 0;
  await Promise.all([engine.stop(), media.stop()]);
  return up ? "up" : "down";
}

function srtp(): string {
  const suite = findSuite("AEAD_AES_256_GCM");
  if (!suite) return "no such suite";
  const keying = generateKeying(suite);
  const packet = Uint8Array.from([0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 104, 105]);
  const sealed = new Uint8Array(packet.length + SRTP_MAX_OVERHEAD);
  const length = new SrtpSender(keying).protectRtp(packet, sealed);
  const opened = new Uint8Array(length);
  const plain = new SrtpReceiver(keying).unprotectRtp(sealed, opened, length);
  return Buffer.from(opened.subarray(12, plain)).toString();
}

const Point = sequence({ x: integer(0, 255), y: integer(0, 255) });
const point: Infer<typeof Point> = decode(Point, encode(Point, { x: 3, y: 4 }));
console.log(
  JSON.stringify({
    sip: await sip(),
    h323: await h323(),
    engines: await engines(),
    srtp: srtp(),
    per: point.x + point.y,
    meetings: loadConfig({ env: {} }).config?.meetings.length,
  }),
);
