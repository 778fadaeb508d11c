import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { LocalCapabilities, VideoFormat } from "../../../src/h323/index.ts";
import { decodeRas, decodeSignalling, tpkt } from "../../../src/wire/h225/index.ts";
import { decodeControl, decodeFastStart } from "../../../src/wire/h245/index.ts";
import { capturedPdus, captureNames, embedded } from "../../support/h323-captures.ts";
import { callConfig, eventsOf, mediaOf, Pair } from "../../support/h323-pair.ts";
import { writeCapture } from "../../support/pcap.ts";
import { describeWithPeers } from "../../support/peers.ts";

/** Fields both name alike, tshark's behind a prefix. */
const FIELDS = {
  protocolIdentifier: ["h225.protocolIdentifier", "h245.protocolIdentifier"],
  dialledDigits: ["h225.dialledDigits"],
  "h323-ID": ["h225.h323_ID"],
  guid: ["h225.guid"],
  conferenceID: ["h225.conferenceID"],
  port: ["h225.port", "h225.ipV4_port", "h225.h245IpPort"],
  forwardLogicalChannelNumber: ["h245.forwardLogicalChannelNumber"],
  tsapIdentifier: ["h245.tsapIdentifier", "h245.ipV4_tsapIdentifier"],
  statusDeterminationNumber: ["h245.statusDeterminationNumber"],
  capabilityTableEntryNumber: ["h245.capabilityTableEntryNumber"],
  sessionID: ["h245.sessionID", "h245.sessionID_0_255"],
  g711Ulaw64k: ["h245.g711Ulaw64k", "h245.h245_audioData_g711Ulaw64k"],
  signalType: ["h245.signalType"],
  alphanumeric: ["h245.alphanumeric"],
} as const;
type Field = keyof typeof FIELDS;

const H264: VideoFormat = {
  codec: "H264",
  profile: "high",
  level: 40,
  maxBitrate: 4_000_000,
  packetization: [0, 1],
  payloadType: 97,
  maxMbps: 245_000,
  maxFs: 8192,
};
/** Everything there is to say of codecs. */
const ABLE: { capabilities: LocalCapabilities } = {
  capabilities: {
    audio: [
      { codec: "PCMU", maxPtime: 20 },
      { codec: "PCMA", maxPtime: 20 },
      { codec: "opus", maxPtime: 20, payloadType: 96 },
      { codec: "G7221", maxPtime: 20, bitrate: 24_000, payloadType: 102 },
      ...(["G722", "G729", "GSM", "G723"] as const).map((codec) => ({ codec, maxPtime: 30 })),
    ],
    telephoneEvent: 101,
    userInput: ["alphanumeric", "signal"],
    video: [H264, { ...H264, profile: "baseline" }],
    content: [H264],
    camera: 126,
  },
};
const everyLine = (host: string) => ({
  ...mediaOf(host, 5004),
  video: mediaOf(host, 5006),
  content: mediaOf(host, 5008),
  camera: mediaOf(host, 5010),
});

function collect(value: unknown, out: Map<string, string[]>): void {
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return;
  if (Array.isArray(value)) {
    for (const v of value) collect(v, out);
    return;
  }
  for (const [key, v] of Object.entries(value)) {
    if (key in FIELDS && (typeof v !== "object" || v instanceof Uint8Array))
      out.set(key, [...(out.get(key) ?? []), v instanceof Uint8Array ? Buffer.from(v).toString("hex") : String(v)]);
    collect(v, out);
  }
}

function ours(name: string): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const p of capturedPdus(name)) {
    if (p.kind === "ras") collect(decodeRas(p.bytes), out);
    else if (p.kind === "h245") collect(decodeControl(p.bytes), out);
    else {
      const message = decodeSignalling(p.bytes);
      collect(message.info, out);
      for (const bytes of embedded(message).control) collect(decodeControl(bytes), out);
      for (const bytes of embedded(message).fastStart) collect(decodeFastStart(bytes), out);
    }
  }
  return out;
}

describeWithPeers("H.323 against tshark", ["tshark"], () => {
  const known = new Set(
    execFileSync("tshark", ["-G", "fields"], { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] })
      .split("\n")
      .map((line) => line.split("\t")[2] ?? ""),
  );
  const names = Object.entries(FIELDS).flatMap(([field, all]) =>
    all.filter((f) => known.has(f)).map((f) => ({ field: field as Field, f })),
  );

  it.each(captureNames())("reads the same values out of %s", (name) => {
    const file = join(import.meta.dirname, "../../fixtures/h323", name);
    const rows = execFileSync(
      "tshark",
      [
        "-r",
        file,
        "-T",
        "fields",
        "-E",
        "separator=\t",
        "-E",
        "aggregator=|",
        "-e",
        "_ws.malformed",
        ...names.flatMap(({ f }) => ["-e", f]),
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    const theirs = new Map<string, string[]>();
    for (const row of rows.split("\n")) {
      const [malformed, ...cells] = row.split("\t");
      expect(malformed ?? "").toBe("");
      cells.forEach((cell, i) => {
        if (cell === "") return;
        const { field } = names[i]!;
        theirs.set(field, [...(theirs.get(field) ?? []), ...cell.split("|").map((v) => v.replaceAll(":", ""))]);
      });
    }
    const mine = ours(name);
    const table = (m: Map<string, string[]>) =>
      Object.fromEntries(
        Object.keys(FIELDS).map((field) => [field, (m.get(field) ?? []).map((v) => v.replaceAll("-", "").toLowerCase()).sort()]),
      );
    expect(table(mine)).toEqual(table(theirs));
    expect([...mine.values()].flat().length).toBeGreaterThan(1);
  });

  const styles = [true, false].flatMap((fastStart) => [true, false].map((tunnelling) => ({ fastStart, tunnelling, earlyControl: true })));
  it.each(styles)("finds nothing malformed in what we send: %o", (style) => {
    const pair = new Pair(callConfig("a", style, ABLE), callConfig("b", style, ABLE));
    pair.onB = (event, machine, now) => {
      if (event.type === "presentation-wanted") machine.control((c) => c.grantPresentation(now), now);
      if (event.type !== "incoming") return;
      machine.setMedia(everyLine(pair.b.host), now);
      machine.answer(now);
    };
    pair.a.machine.setMedia(everyLine(pair.a.host), 0);
    pair.a.machine.start({ aliases: [{ dialledDigits: "200" }] }, 0);
    pair.run(3000);
    expect(eventsOf(pair.b.events, "transmit").map((e) => e.line)).toEqual(expect.arrayContaining(["audio", "video", "camera"]));
    pair.do((p) => p.a.machine.control((c) => c.requestPresentation(p.now), p.now));
    pair.do((p) => {
      for (const line of ["video", "content"] as const) p.b.machine.control((c) => c.fastUpdate(line), p.now);
      p.a.machine.control((c) => c.requestFlowRelease(64_000), p.now);
    });
    expect(eventsOf(pair.a.events, "fast-update").map((e) => e.line)).toEqual(["video", "content"]);
    pair.do((p) => p.a.machine.control((c) => c.releasePresentation(p.now), p.now));
    pair.do((p) => p.a.machine.control((c) => c.closeLine("video", p.now), p.now));
    pair.do((p) => {
      for (const way of ["alphanumeric", "signal", "keypad"] as const) p.a.machine.sendDigits("15", p.now, way);
      p.a.machine.control((c) => c.measureRoundTrip(p.now), p.now);
      p.a.machine.control((c) => c.limit(1, 64_000), p.now);
      p.a.machine.control((c) => c.requestMode(["PCMA"], p.now), p.now);
      p.a.machine.inquire(p.now);
    });
    pair.do((p) => p.a.machine.control((c) => c.hold(p.now), p.now));
    pair.do((p) => p.b.machine.release(16));
    const spoken = pair.wire.map(({ from, kind, bytes }) => {
      const ports = kind === "signalling" ? { a: 30_000, b: 1720 } : { a: 30_001, b: 10_000 };
      const ends = { a: { host: "192.0.2.1", port: ports.a }, b: { host: "192.0.2.2", port: ports.b } };
      return { from: ends[from], to: ends[from === "a" ? "b" : "a"], payload: tpkt(bytes) };
    });
    const folder = mkdtempSync(join(tmpdir(), "crosspoint-h323-"));
    const file = join(folder, "sent.pcap");
    writeFileSync(file, writeCapture(spoken));
    const rows = execFileSync(
      "tshark",
      ["-r", file, "-T", "fields", "-E", "separator=\t", "-e", "_ws.malformed", "-e", "_ws.expert.message", "-e", "frame.protocols"],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    )
      .trimEnd()
      .split("\n");
    rmSync(folder, { recursive: true });
    expect(rows).toHaveLength(spoken.length);
    for (const row of rows) {
      const [malformed, expert = "", protocols = ""] = row.split("\t");
      expect(malformed).toBe("");
      expect(expert).not.toMatch(/malformed|unexpected|not decoded|BER|PER|truncated/i);
      expect(protocols).toMatch(/h225|h245/);
    }
  });
});
