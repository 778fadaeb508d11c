// The event socket's session, without sockets.
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../support/standing-clock.ts";
import { Core } from "../../../src/media-server/control/core.ts";
import { EslSession } from "../../../src/media-server/control/event-socket/esl-session.ts";
import { EslCommandReader, type EslEvent, EslMessageReader } from "../../../src/wire/esl/index.ts";

function session(password: string | undefined = "secret") {
  const core = new Core({ hostname: "test", address: "127.0.0.1", clock: new FakeClock(), log: () => {} });
  const reader = new EslMessageReader();
  const replies: string[] = [];
  const events: EslEvent[] = [];
  let ended = false;
  const esl = new EslSession({
    core,
    api: { run: async (command) => `ran ${command}\n` },
    findChannel: () => undefined,
    ...(password === undefined ? {} : { password }),
    output: {
      write: (frame) => {
        for (const message of reader.push(Buffer.from(frame))) {
          if (message.event) events.push(message.event);
          else replies.push(message.headers.get("Reply-Text") ?? message.body ?? message.contentType);
        }
      },
      end: () => {
        ended = true;
      },
    },
  });
  core.listen((event) => esl.deliver(event));
  const commands = new EslCommandReader();
  const send = async (text: string) => {
    for (const command of commands.push(Buffer.from(text))) esl.receive(command);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { core, esl, replies, events, send, ended: () => ended };
}

async function open() {
  const all = session();
  await all.send("auth secret\n\n");
  all.replies.length = 0;
  return all;
}

describe("an event socket session", () => {
  it("wants the password first and hangs up on a wrong one", async () => {
    const { esl, replies, send, ended } = session();
    esl.start();
    await send("api status\n\n");
    expect(replies).toEqual(["auth/request", "-ERR command not found"]);
    await send("auth wrong\n\n");
    expect(replies).toContain("-ERR invalid");
    expect(ended()).toBe(true);
    expect(esl.authenticated).toBe(false);
  });

  it("answers in order although an answer takes a while", async () => {
    const { replies, send } = await open();
    await send("api a\n\nnoevents\n\napi b\n\n");
    expect(replies).toEqual(["ran a\n", "+OK no longer listening for events", "ran b\n"]);
  });

  it("sends the events asked for: names, subclasses, all; JSON", async () => {
    const { core, replies, events, send } = await open();
    await send("event json DTMF CUSTOM conference::maintenance\n\n");
    expect(replies).toEqual(["+OK event listener enabled json"]);
    for (const [name, subclass] of [["DTMF"], ["CHANNEL_STATE"], ["CUSTOM", "conference::maintenance"], ["CUSTOM", "other"]] as const)
      core.fire(core.event(name, "test", subclass));
    expect(events.map((e) => e.get("Event-Subclass") ?? e.name)).toEqual(["DTMF", "conference::maintenance"]);
    await send("nixevent DTMF\n\n");
    core.fire(core.event("DTMF", "test"));
    expect(events).toHaveLength(2);
    await send("event plain ALL\n\n");
    core.fire(core.event("CUSTOM", "test", "other"));
    expect(events).toHaveLength(3);
    await send("event json nonsense\n\n");
    expect(replies.at(-1)).toBe("-ERR no keywords supplied");
  });

  it("filters: any match lets through, a negated one keeps back, delete takes away", async () => {
    const { core, replies, events, send } = await open();
    await send("event json ALL\n\nfilter Unique-ID a\n\nfilter Conference-Unique-ID c\n\n");
    expect(replies.at(-1)).toBe("+OK filter added. [Conference-Unique-ID]=[c]");
    const fire = (headers: Record<string, string>) => {
      const event = core.event("CUSTOM", "test", "x");
      for (const [name, value] of Object.entries(headers)) event.set(name, value);
      core.fire(event);
    };
    fire({ "Unique-ID": "a" });
    fire({ "Unique-ID": "b" });
    fire({ "Unique-ID": "b", "Conference-Unique-ID": "c" });
    expect(events).toHaveLength(2);
    await send("filter Unique-ID -b\n\n");
    fire({ "Unique-ID": "b", "Conference-Unique-ID": "c" });
    expect(events).toHaveLength(2);
    await send("filter delete all\n\n");
    fire({ "Unique-ID": "z" });
    expect(events).toHaveLength(3);
  });

  it("runs bgapi and tells its end with the job's id", async () => {
    const { replies, events, send } = await open();
    await send("event json BACKGROUND_JOB\n\nbgapi uptime s\nJob-UUID: j-1\n\n");
    expect(replies.at(-1)).toBe("+OK Job-UUID: j-1");
    expect(events[0]?.get("Job-UUID")).toBe("j-1");
    expect(events[0]?.body).toBe("ran uptime s\n");
  });

  it("refuses what it does not know", async () => {
    const { replies, send } = await open();
    await send("frobnicate\n\nsendmsg nobody\ncall-command: execute\n\nfilter\n\n");
    expect(replies).toEqual(["-ERR command not found", "-ERR invalid session id [nobody]", "-ERR invalid syntax"]);
  });
});
