// The whole gateway, called by scripted peers whose messages and descriptions are unusual.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Running } from "../../../../src/app/start.ts";
import { parseSdp } from "../../../../src/wire/sdp/index.ts";
import { described, freePort, ScriptedPeer, startGateway } from "../scripted-peer.ts";

let gateway: Running & { readonly sipPort: number };
let peer: ScriptedPeer;
beforeAll(async () => {
  gateway = await startGateway(await freePort(), "23300-23399");
});
afterAll(() => gateway?.stop());
afterEach(async () => {
  await peer?.leave();
  peer?.close();
});

const attempt = async (body: string, type?: string) => {
  peer = await ScriptedPeer.open(gateway.sipPort);
  const answer = await peer.attempt(body, [], type);
  if (answer.status < 300) peer.ack(answer);
  return answer;
};
const mixed = (...parts: string[]) => `${parts.map((part) => `--b\r\n${part}\r\n`).join("")}--b--\r\n`;
const part = (type: string, body: string, disposition = "") => `Content-Type: ${type}\r\n${disposition}\r\n${body}`;
const formats = (answer: { readonly body: Buffer }) => parseSdp(answer.body.toString()).media[0]!.formats;

describe("an INVITE with several parts (RFC 5621)", () => {
  it("is answered by its description, and so is a re-INVITE", async () => {
    const body = mixed(part("application/pidf+xml", "<presence/>"), part("application/sdp", described()));
    const answer = await attempt(body, "multipart/mixed;boundary=b");
    expect(answer.status).toBe(200);
    expect(formats(answer).map(({ payloadType }) => payloadType)).toEqual([0, 101]);
    let again = 491;
    for (let tries = 0; again === 491 && tries < 20; tries++) {
      peer.send("INVITE", { body: mixed(part("application/sdp", described({ version: 2 }))), type: "multipart/mixed;boundary=b" });
      const response = await peer.response("INVITE");
      peer.ack(response);
      again = response.status;
      if (again === 491) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(again).toBe(200);
  });

  it.each([
    [
      "a part that must be understood",
      mixed(part("application/sdp", described()), part("application/ISUP", "x", "Content-Disposition: signal;handling=required\r\n")),
    ],
    ["no description", mixed(part("application/pidf+xml", "<presence/>"))],
  ])("is answered 415 for %s", async (_, body) => {
    const answer = await attempt(body, "multipart/mixed;boundary=b");
    expect(answer.status).toBe(415);
    expect(answer.get("accept")).toContain("application/sdp");
  });
});

describe("a description", () => {
  it.each([
    ["a disabled line with a payload type of 255 (RFC 3264 section 6)", ["m=video 0 RTP/AVP 255"]],
    ["a disabled line with a malformed address", ["m=video 0 RTP/AVP 96", "c=IN IP4 not an address"]],
    ["a disabled line of another protocol", ["m=image 0 udptl t38"]],
  ])("is answered although it has %s", async (_, after) => {
    const answer = await attempt(described({ after }));
    expect(answer.status).toBe(200);
    const { media } = parseSdp(answer.body.toString());
    expect(media).toHaveLength(2);
    expect(media[0]!.port).not.toBe(0);
  });

  it("may have brackets around an IPv6 address", async () => {
    const answer = await attempt(described().replace("c=IN IP4 127.0.0.1", "c=IN IP6 [::1]"));
    expect(answer.status).toBe(200);
  });

  it("of G722/16000 alone is G.722, by its payload type 9 (RFC 3551 section 4.5.2)", async () => {
    const answer = await attempt(described({ formats: "9", lines: ["a=rtpmap:9 G722/16000"] }));
    expect(answer.status).toBe(200);
    expect(formats(answer)).toMatchObject([{ payloadType: 9, codec: "G722", clockRate: 8000 }]);
  });

  it("that maps a payload type twice means the mapping with the codec's clock", async () => {
    const answer = await attempt(described({ formats: "96", lines: ["a=rtpmap:96 opus/16000", "a=rtpmap:96 opus/48000/2"] }));
    expect(answer.status).toBe(200);
    expect(formats(answer)).toMatchObject([{ payloadType: 96, codec: "opus", clockRate: 48_000 }]);
  });
});
