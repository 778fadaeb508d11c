// What an application does with a call over its event socket, heard and read back.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readWav, writeWav } from "../../../src/audio/wav.ts";
import { type MediaServer, startMediaServer } from "../../../src/media-server/index.ts";
import { CallListener, connectEventSocket, type EventSocket } from "../../support/event-socket.ts";
import { Phone, type PhoneOptions } from "../../support/media-phone.ts";
import { sum, tone, tonesIn } from "../../support/spectrum.ts";

let server: MediaServer;
let control: EventSocket;
let listener: CallListener;
const folder = mkdtempSync(join(tmpdir(), "crosspoint-media-"));
const phones: Phone[] = [];

beforeAll(async () => {
  writeFileSync(join(folder, "wide.wav"), writeWav(16000, tone(1300, 16000, 600)));
  listener = await CallListener.open();
  server = await startMediaServer({
    esl: { host: "127.0.0.1", port: 0, password: "secret" },
    sip: { host: "127.0.0.1", port: 0 },
    rtp: { host: "127.0.0.1", minPort: 22400, maxPort: 22599 },
    sounds: folder,
  });
  control = await connectEventSocket(server.eslPort, "secret");
});
afterAll(async () => {
  control.close();
  listener.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
});

async function call(options: Partial<PhoneOptions> = {}): Promise<{ phone: Phone; app: EventSocket; uuid: string }> {
  const phone = await Phone.call({
    sipPort: server.sipPort,
    to: "drachtio",
    ...options,
    headers: { "X-esl-outbound": listener.address, "X-Thing": "some thing", ...options.headers },
  });
  phones.push(phone);
  const app = await listener.next();
  return { phone, app, uuid: app.data.get("Unique-ID") ?? "" };
}
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
const hears = (phone: Phone, frequency: number) => tonesIn(phone.recent(200), phone.rate, [frequency]).length === 1;

describe("a call", () => {
  it("brings its headers and its media to the application", async () => {
    const { app, phone, uuid } = await call({ codec: "G722" });
    expect(app.data.get("variable_sip_h_X-Thing")).toBe("some thing");
    expect(app.data.get("Channel-Unique-ID")).toBe(uuid);
    expect(app.data.get("variable_rtp_use_codec_name")).toBe("G722");
    expect(app.data.get("variable_rtp_local_sdp_str")).toContain("m=audio");
    expect(app.data.get("variable_remote_media_port")).toBe(String(phone.port));
    await until(async () => {
      await control.api(`uuid_set_media_stats ${uuid}`);
      return Number(await control.api(`uuid_getvar ${uuid} rtp_audio_in_packet_count`)) > 5;
    });
    expect(await control.api("show channels count")).toBe("\n1 total.\n");
    expect(await control.api(`uuid_kill ${uuid} USER_BUSY`)).toBe("+OK\n");
    await until(() => phone.ended !== undefined && app.closed);
    const end = app.events.find((e) => e.name === "CHANNEL_HANGUP_COMPLETE");
    expect(end?.get("Hangup-Cause")).toBe("USER_BUSY");
    expect(end?.get("variable_hangup_cause_q850")).toBe("17");
    expect(app.events.filter((e) => e.get("Channel-Call-State") === "HANGUP" && e.name === "CHANNEL_CALLSTATE")).toHaveLength(1);
  });

  it("hears a 16 kHz file by its name, a list of sounds, and nothing for one that is not there", async () => {
    const { app, phone } = await call();
    const done = app.execute("playback", "wide.wav");
    await until(() => hears(phone, 1300));
    const event = await done;
    expect(event.get("Application-Response")).toBe("FILE PLAYED");
    expect(event.get("variable_playback_ms")).toBe("600");
    const listed = app.execute("playback", `file_string://silence_stream://100!tone_stream://%(300,0,700)!${join(folder, "wide.wav")}`);
    await until(() => hears(phone, 700));
    await until(() => hears(phone, 1300));
    await listed;
    expect((await app.execute("playback", "missing.wav")).get("Application-Response")).toBe("FILE NOT FOUND");
  });

  it("gives digits by telephone events, by INFO, and in the sound", async () => {
    const { app, phone } = await call();
    const collected = app.execute("play_and_get_digits", "1 4 1 3000 # silence_stream://1000 silence_stream://10 pin \\d+ 1000");
    phone.rtp.sendDigits("12#", 80);
    const event = await collected;
    expect(event.get("variable_pin")).toBe("12");
    expect(event.get("variable_read_terminator_used")).toBe("#");
    expect(await phone.info("Signal=7\r\nDuration=120\r\n")).toBe(200);
    const seven = await app.event((e) => e.name === "DTMF" && e.get("DTMF-Digit") === "7");
    expect(seven.get("DTMF-Source")).toBe("ENDPOINT");
    expect(seven.get("DTMF-Duration")).toBe("960");
    await app.execute("start_dtmf");
    phone.say = sum(tone(852, 8000, 120, -12), tone(1336, 8000, 120, -12));
    const eight = await app.event((e) => e.name === "DTMF" && e.get("DTMF-Digit") === "8");
    expect(eight.get("DTMF-Source")).toBe("INBAND_AUDIO");
  });

  it("is recorded, both ways and one way, and goes on when the disk is full", async () => {
    const { app, phone } = await call({ tone: 440 });
    const both = join(folder, "both.wav");
    await app.execute("record_session", both);
    await app.execute("playback", "tone_stream://%(500,0,900)");
    await app.execute("stop_record_session", both);
    await app.event((e) => e.name === "RECORD_STOP");
    const session = readWav(readFileSync(both));
    expect(tonesIn(session.pcm.subarray(1600, 3600), session.sampleRate, [440, 900, 1300])).toEqual([440, 900]);

    const recorded = await app.execute("record", `${join(folder, "one.wav")} 1`);
    expect(recorded.get("variable_record_ms")).toBe("1000");
    const one = readWav(readFileSync(join(folder, "one.wav")));
    expect(tonesIn(one.pcm, one.sampleRate, [440, 900])).toEqual([440]);

    const full = await app.execute("record", "/dev/full 2");
    expect(full.get("variable_record_ms")).toBeDefined();
    const stop = await app.event((e) => e.name === "RECORD_STOP" && e.get("Record-File-Path") === "/dev/full");
    expect(stop.get("Record-Error")).toContain("ENOSPC");
    expect(phone.ended).toBeUndefined();
  });

  it("is bridged with another, then parked again", async () => {
    const a = await call({ tone: 440 });
    const b = await call({ tone: 800, codec: "OPUS" });
    expect(await control.api(`uuid_bridge ${a.uuid} ${b.uuid}`)).toBe(`+OK ${b.uuid}\n`);
    await until(() => hears(a.phone, 800) && hears(b.phone, 440));
    a.phone.rtp.sendDigits("5", 100);
    await until(() => b.phone.digits.includes("5"));
    expect(await control.api(`uuid_transfer ${a.uuid} -both park inline`)).toBe("+OK\n");
    await until(() => !hears(a.phone, 800) && !hears(b.phone, 440));
    expect(a.phone.ended ?? b.phone.ended).toBeUndefined();
    expect(await control.api(`uuid_bridge ${a.uuid} nobody`)).toBe("-ERR Invalid uuid\n");
  });

  it("runs what comes during a playback inside it, and is muted", async () => {
    const { app, phone } = await call({ tone: 440 });
    const playing = app.execute("playback", "tone_stream://%(3000,0,900)");
    await until(() => hears(phone, 900));
    expect((await app.execute("set", "colour=blue")).get("variable_colour")).toBe("blue");
    await app.execute("playback", "tone_stream://%(300,0,1300)");
    await until(() => hears(phone, 900));
    await control.api(`uuid_break ${app.data.get("Unique-ID")}`);
    await playing;
    await app.execute("set_mute", "read true");
    const recorded = await app.execute("record", `${join(folder, "mute.wav")} 1`);
    expect(recorded.get("variable_record_ms")).toBe("1000");
    const { pcm, sampleRate } = readWav(readFileSync(join(folder, "mute.wav")));
    expect(tonesIn(pcm, sampleRate, [440])).toEqual([]);
  });
});
