import { describe, expect, it } from "vitest";
import { maskCommand, maskEvent } from "../../../src/trace/index.ts";

const UUID = "34a01b20-e4e1-4c90-b26b-1c6b0d062dfa";
const PIN = "918273";
const WORD = "s3cr3tW0rd";
const KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

type Headers = Readonly<Record<string, string>>;
const execute = (application: string, argument: string): [string, Headers] => [
  `sendmsg ${UUID}`,
  { "call-command": "execute", "execute-app-name": application, "execute-app-arg": argument },
];

/** Every place of a command in which a secret can stand. */
const COMMANDS: Readonly<Record<string, [string, Headers?]>> = {
  password: [`auth ${WORD}`],
  "password, upper case": [`AUTH ${WORD}`],
  "user's password": [`userauth admin:${WORD}`],
  "keys pressed": [`api uuid_send_dtmf ${UUID} ${PIN}@160`],
  "keys pressed, in the background": [`bgapi uuid_send_dtmf ${UUID} ${PIN}`],
  "a call with a dial string": [`api originate sofia/x/2000**${PIN}@h &park`],
  "a variable": [`api uuid_setvar ${UUID} pin ${PIN}`],
  "an application's variable": execute("set", `rtp_secure_media_key=${KEY}`),
  "files that spell digits": execute("playback", `/x/digits/9.wav!/x/digits/one.wav!/x/${PIN}.wav`),
  "a phrase": execute("phrase", `spell,${PIN}`),
  "a conference's PIN": execute("conference", `meeting-1@default+${PIN}+flags{mute}`),
  "an unknown application": execute("x", WORD),
  "a conference's prompt": [`api conference meeting-1 play /x/${PIN}.wav`],
  "a conference's keys": [`api conference meeting-1 dtmf all ${PIN}`],
  "a conference's PIN, set": [`api conference meeting-1 pin ${PIN}`],
  "a further header": [`sendmsg ${UUID}`, { "X-Token": WORD }],
  "an unknown command": [`x-${WORD}$ ${PIN}`],
};

const shown = ({ summary, head, body }: ReturnType<typeof maskEvent>): string => [summary, head, body ?? ""].join("\n");
const event = (fields: Headers, body = ""): string => shown(maskEvent((name) => fields[name], body));

describe("the event socket in a trace", () => {
  it.each(Object.entries(COMMANDS))("shows no key, PIN or credential of a command: %s", (_place, [command, headers]) => {
    const out = shown(maskCommand(command, headers));
    for (const secret of [PIN, WORD, KEY, "digits/9", "one.wav"]) expect(out).not.toContain(secret);
  });

  it("shows no key, PIN or credential of an event", () => {
    const secrets = {
      "Event-Name": "DTMF",
      "Unique-ID": UUID,
      "DTMF-Digit": "9",
      variable_sip_to_user: `2000**${PIN}`,
      "Caller-Destination-Number": `2000**${PIN}`,
      variable_rtp_secure_media: KEY,
      "Application-Data": `/x/${PIN}.wav`,
    };
    const out = event(secrets, PIN);
    for (const secret of [PIN, KEY, "9\n"]) expect(out).not.toContain(secret);
    expect(out).toContain(`Unique-ID: ${UUID}`);
    expect(out).toContain("DTMF-Digit: [masked]");
    expect(event({ "Content-Type": "api/response" }, `v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`)).not.toContain(KEY);
    expect(event({ "Content-Type": "api/response" }, `pin: ${PIN}`)).not.toContain(PIN);
    expect(event({ "Content-Type": "command/reply", "Reply-Text": `${WORD}` })).not.toContain(WORD);
  });

  it("says what is done", () => {
    expect(maskCommand(...execute("playback", "/srv/prompts/en/enter-pin.wav"))).toMatchObject({
      summary: "execute playback",
      head: expect.stringContaining("execute-app-arg: enter-pin.wav"),
    });
    expect(maskCommand(`api uuid_break ${UUID} all`, undefined).head).toBe(`api uuid_break ${UUID} all`);
    expect(maskCommand("api conference meeting-2000 kick 1", undefined).head).toBe("api conference meeting-2000 kick 1");
    expect(event({ "Event-Name": "CUSTOM", Action: "add-member", "Conference-Name": "meeting-2000" })).toContain("CUSTOM add-member");
  });
});
