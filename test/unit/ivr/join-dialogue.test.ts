import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Digits } from "../../../src/ivr/digits.ts";
import { JoinDialogue } from "../../../src/ivr/join-dialogue.ts";
import { DEFAULT_TIMINGS, type JoinInput, type JoinOutput, type JoinSetup, type MeetingFacts } from "../../../src/ivr/join-types.ts";
import { TIMEOUT, type Timeout } from "../../../src/base/machine.ts";

const facts = (changes: Partial<MeetingFacts> = {}): MeetingFacts => ({
  id: "2000",
  language: "en",
  hasGuestPin: true,
  hasHostPin: true,
  askName: false,
  ...changes,
});

/** Drives a dialogue on fake time and writes down what it does, PINs as `pin`. */
class Driver {
  now = 0;
  readonly dialogue: JoinDialogue;
  play = 0;
  pins: string[] = [];
  constructor(setup: Partial<JoinSetup> = {}) {
    this.dialogue = new JoinDialogue({
      language: "en",
      languageChosen: false,
      meeting: facts(),
      dialledPin: null,
      role: null,
      timings: DEFAULT_TIMINGS,
      ...setup,
    });
  }
  #show(output: JoinOutput): string {
    switch (output.type) {
      case "play":
        this.play = output.play;
        return `${output.loop ? "loop" : "play"}:${output.language}:${output.prompts.join("+")}`;
      case "check-pin":
        this.pins.push(output.pin.reveal());
        return "check-pin";
      case "look-up":
        return `look-up:${output.number.reveal()}`;
      case "ask-admission":
        return `admission:${output.role}`;
      case "state":
        return `=${output.state}`;
      case "hang-up":
        return `hang-up:${output.outcome}`;
      default:
        return output.type;
    }
  }
  put(input: JoinInput | Timeout): string[] {
    this.dialogue.handle(input, this.now);
    return this.dialogue.drain().map((output) => this.#show(output));
  }
  start = () => this.put({ type: "start" });
  keys = (keys: string) => [...keys].flatMap((digit) => this.put({ type: "digit", digit }));
  played = () => this.put({ type: "played", play: this.play });
  pin = (role: "host" | "guest" | null | "closed") => this.put({ type: "pin-checked", role });
  admission = (to: "join" | "lobby" | "wait" | "full" | "locked") => this.put({ type: "admission", to });
  /** Time passes, timer by timer. */
  wait(ms: number): string[] {
    const end = this.now + ms;
    const outputs: string[] = [];
    for (let next = this.dialogue.nextTimeout(); next !== undefined && next <= end; next = this.dialogue.nextTimeout()) {
      this.now = next;
      outputs.push(...this.put(TIMEOUT));
    }
    this.now = end;
    return outputs;
  }
}

describe("an open meeting", () => {
  it("is joined without a word", () => {
    const driver = new Driver({ meeting: facts({ hasGuestPin: false, hasHostPin: false }) });
    expect(driver.start()).toEqual(["=admitting", "admission:guest"]);
    expect(driver.admission("join")).toEqual(["=joining", "join"]);
    expect(driver.put({ type: "joined" })).toEqual(["=joined"]);
    expect(driver.dialogue.nextTimeout()).toBeUndefined();
  });

  it("with a host PIN takes the PIN, # or silence", () => {
    const open = () => new Driver({ meeting: facts({ hasGuestPin: false }) });
    const host = open();
    expect(host.start()).toEqual(["=pin", "play:en:enter-host-pin-or-hash"]);
    host.keys("98765#");
    expect(host.pin("host")).toEqual(["=admitting", "admission:host"]);
    const hash = open();
    hash.start();
    expect(hash.keys("#")).toEqual(["stop", "=admitting", "admission:guest"]);
    const silence = open();
    silence.start();
    silence.played();
    expect(silence.wait(8_000)).toEqual(["=admitting", "admission:guest"]);
  });
});

describe("PIN entry", () => {
  it("is cut short by the first digit and ended by #", () => {
    const driver = new Driver();
    expect(driver.start()).toEqual(["=pin", "play:en:enter-pin"]);
    expect(driver.keys("1")).toEqual(["stop"]);
    expect(driver.keys("234#")).toEqual(["=checking", "check-pin"]);
    expect(driver.pins).toEqual(["1234"]);
    expect(driver.pin("guest")).toEqual(["=admitting", "admission:guest"]);
  });

  it("is ended by five seconds without a digit, and begun anew by *", () => {
    const driver = new Driver();
    driver.start();
    driver.keys("99*1234");
    expect(driver.wait(4_999)).toEqual([]);
    expect(driver.wait(1)).toEqual(["=checking", "check-pin"]);
    expect(driver.pins).toEqual(["1234"]);
  });

  it("is complete at 32 digits", () => {
    const driver = new Driver();
    driver.start();
    expect(driver.keys("1".repeat(32))).toEqual(["stop", "=checking", "check-pin"]);
  });

  it("asks three times, then ends the call", () => {
    const driver = new Driver();
    driver.start();
    driver.keys("1#");
    expect(driver.pin(null)).toEqual(["=pin", "play:en:pin-wrong+enter-pin"]);
    driver.keys("2#");
    driver.pin(null);
    driver.keys("3#");
    expect(driver.pin(null)).toEqual(["=ending", "play:en:pin-wrong+goodbye"]);
    expect(driver.played()).toEqual(["=ended", "hang-up:wrong-pin"]);
    expect(driver.keys("1234#")).toEqual([]);
  });

  it("repeats its prompt in silence, and gives up after two minutes in all", () => {
    const driver = new Driver();
    driver.start();
    driver.played();
    expect(driver.wait(8_000)).toEqual(["play:en:enter-pin"]);
    expect(driver.keys("#")).toEqual(["stop", "play:en:enter-pin"]);
    expect(driver.wait(111_999)).toEqual([]);
    expect(driver.wait(1)).toEqual(["=ending", "play:en:no-input+goodbye"]);
    expect(driver.wait(12_000)).toEqual(["=ended", "hang-up:no-input"]);
  });

  it("gives up after two minutes also when the tries are spread over them", () => {
    const driver = new Driver();
    driver.start();
    driver.wait(60_000);
    driver.keys("1#");
    driver.pin(null);
    driver.wait(59_000);
    driver.keys("1");
    expect(driver.wait(1_000)).toEqual(["=ending", "play:en:no-input+goodbye"]);
  });

  it("keeps what is typed while a PIN is compared", () => {
    const driver = new Driver();
    driver.start();
    driver.keys("1#1234#");
    expect(driver.pins).toEqual(["1"]);
    expect(driver.pin(null)).toEqual(["=pin", "play:en:pin-wrong+enter-pin", "stop", "=checking", "check-pin"]);
    expect(driver.pins).toEqual(["1", "1234"]);
  });

  it("tries the dial string's PIN first, without a word, as one of the three", () => {
    const right = new Driver({ dialledPin: new Digits("1234") });
    expect(right.start()).toEqual(["=checking", "check-pin"]);
    expect(right.pin("guest")).toEqual(["=admitting", "admission:guest"]);
    const wrong = new Driver({ dialledPin: new Digits("0000") });
    wrong.start();
    expect(wrong.pin(null)).toEqual(["=pin", "play:en:enter-pin"]);
    wrong.keys("1#");
    wrong.pin(null);
    wrong.keys("1#");
    expect(wrong.pin(null)).toEqual(["=ending", "play:en:pin-wrong+goodbye"]);
  });

  it("is not needed by whom the role was given", () => {
    expect(new Driver({ role: "host" }).start()).toEqual(["=admitting", "admission:host"]);
  });

  it("sounds like no meeting while the meeting is closed to PINs", () => {
    const driver = new Driver();
    driver.start();
    driver.keys("1234#");
    expect(driver.pin("closed")).toEqual(["=ending", "play:en:number-unknown+goodbye"]);
    expect(driver.played()).toEqual(["=ended", "hang-up:pin-locked-out"]);
  });

  it("shows its digits in no output, however it is printed", () => {
    const driver = new Driver();
    driver.start();
    driver.keys("424242");
    driver.dialogue.handle({ type: "digit", digit: "#" }, 0);
    const outputs = driver.dialogue.drain();
    expect(outputs.some(({ type }) => type === "check-pin")).toBe(true);
    expect(
      `${JSON.stringify(outputs)}${inspect(outputs, { depth: 9, showHidden: true })}${String((outputs as { pin?: unknown }[]).map(({ pin }) => pin))}`,
    ).not.toContain("424242");
  });
});

describe("number entry", () => {
  const ask = () => new Driver({ meeting: null });
  it("finds the meeting and goes on in its language", () => {
    const driver = ask();
    expect(driver.start()).toEqual(["=number", "play:en:welcome+enter-number"]);
    expect(driver.keys("5000#")).toEqual(["stop", "=looking-up", "look-up:5000"]);
    expect(driver.put({ type: "found", meeting: facts({ id: "5000", language: "de" }) })).toEqual(["=pin", "play:de:enter-pin"]);
    driver.keys("1234#");
    expect(driver.pin("guest")).toEqual(["=admitting", "admission:guest"]);
    expect(driver.admission("wait")).toEqual(["=waiting", "loop:de:host-wait+music"]);
  });

  it("keeps to the language the caller has chosen", () => {
    const driver = new Driver({ meeting: null, language: "de", languageChosen: true });
    expect(driver.start()).toEqual(["=number", "play:de:welcome+enter-number"]);
    driver.keys("1#");
    expect(driver.put({ type: "found", meeting: facts() })).toEqual(["=pin", "play:de:enter-pin"]);
  });

  it("asks three times, greets once", () => {
    const driver = ask();
    driver.start();
    driver.played();
    expect(driver.wait(8_000)).toEqual(["play:en:enter-number"]);
    driver.keys("1#");
    expect(driver.put({ type: "found", meeting: null })).toEqual(["=number", "play:en:number-unknown+enter-number"]);
    driver.keys("2#");
    driver.put({ type: "found", meeting: null });
    driver.keys("3#");
    expect(driver.put({ type: "found", meeting: null })).toEqual(["=ending", "play:en:number-unknown+goodbye"]);
    expect(driver.played()).toEqual(["=ended", "hang-up:no-such-meeting"]);
  });

  it("has typed ahead: number and PIN in one go", () => {
    const driver = ask();
    driver.start();
    driver.keys("2000#1234#");
    expect(driver.put({ type: "found", meeting: facts() })).toEqual(["=pin", "play:en:enter-pin", "stop", "=checking", "check-pin"]);
    expect(driver.pins).toEqual(["1234"]);
  });

  it.each([
    ["end-to-end-encrypted", "encrypted-refused"],
    ["meeting-full", "meeting-full"],
    ["meeting-locked", "meeting-locked"],
  ] as const)("says why a meeting that is %s cannot be joined", (outcome, prompt) => {
    const driver = ask();
    driver.start();
    driver.keys("4000#");
    expect(driver.put({ type: "found-closed", outcome })).toEqual(["=ending", `play:en:${prompt}+goodbye`]);
    expect(driver.played()).toEqual(["=ended", `hang-up:${outcome}`]);
  });

  it("asks for another number when the meeting is closed to PINs, as if there were none", () => {
    const driver = ask();
    driver.start();
    driver.keys("2000#");
    driver.put({ type: "found", meeting: facts() });
    driver.keys("1234#");
    expect(driver.pin("closed")).toEqual(["=number", "play:en:number-unknown+enter-number"]);
  });

  it("gives up after two minutes", () => {
    const driver = ask();
    driver.start();
    expect(driver.wait(120_000)).toEqual(["=ending", "play:en:no-input+goodbye"]);
  });
});

describe("after the PIN", () => {
  const admitted = (setup: Partial<JoinSetup> = {}) => {
    const driver = new Driver({ role: "guest", ...setup });
    driver.start();
    return driver;
  };
  it("waits in the lobby with music, is admitted, then waits for the host, then joins", () => {
    const driver = admitted();
    expect(driver.admission("lobby")).toEqual(["=lobby", "loop:en:lobby-wait+music"]);
    expect(driver.keys("123#")).toEqual([]);
    expect(driver.admission("wait")).toEqual(["=waiting", "loop:en:host-wait+music"]);
    expect(driver.admission("join")).toEqual(["stop", "=joining", "join"]);
  });

  it.each([
    ["lobby", "lobby-timeout"],
    ["wait", "host-timeout"],
  ] as const)("does not wait for ever (%s)", (to, outcome) => {
    const driver = admitted();
    driver.admission(to);
    expect(driver.wait(899_999)).toEqual([]);
    expect(driver.wait(1)).toEqual(["=ending", `play:en:${outcome}+goodbye`]);
    expect(driver.played()).toEqual(["=ended", `hang-up:${outcome}`]);
  });

  it.each(["full", "locked"] as const)("hears that the meeting is %s", (to) => {
    const driver = admitted();
    expect(driver.admission(to)).toEqual(["=ending", `play:en:meeting-${to}+goodbye`]);
  });

  const naming = () => {
    const driver = new Driver({ meeting: facts({ hasGuestPin: false, hasHostPin: false, askName: true }) });
    return { driver, begin: driver.start() };
  };
  it("says a name where names are announced, ended by a key", () => {
    const { driver, begin } = naming();
    expect(begin).toEqual(["=naming", "play:en:say-name+tone-record"]);
    expect(driver.played()).toEqual(["record-name"]);
    expect(driver.keys("#")).toEqual(["stop-recording"]);
    expect(driver.put({ type: "name-recorded" })).toEqual(["=admitting", "admission:guest"]);
  });
  it("says a name of five seconds at most, and goes on without one where none comes", () => {
    const { driver } = naming();
    expect(driver.keys("1")).toEqual(["stop", "record-name"]);
    expect(driver.wait(5_000)).toEqual(["stop-recording"]);
    expect(driver.wait(2_000)).toEqual(["=admitting", "admission:guest"]);
    expect(driver.put({ type: "name-recorded" })).toEqual([]);
    const deaf = naming().driver;
    expect(deaf.wait(20_000)).toEqual(["stop", "=admitting", "admission:guest"]);
  });
  it("says no name when we called them", () => {
    expect(new Driver({ role: "guest", meeting: facts({ askName: true }) }).start()).toEqual(["=admitting", "admission:guest"]);
  });
});

describe("whatever the state", () => {
  it("is dismissed with last words, once", () => {
    const driver = new Driver();
    driver.start();
    const dismiss: JoinInput = { type: "dismiss", outcome: "removed", reason: "by the host", prompts: ["removed"] };
    expect(driver.put(dismiss)).toEqual(["=ending", "play:en:removed"]);
    expect(driver.put(dismiss)).toEqual([]);
    expect(driver.played()).toEqual(["=ended", "hang-up:removed"]);
    const silent = new Driver();
    expect(silent.put({ ...dismiss, prompts: [] })).toEqual(["=ending", "=ended", "hang-up:removed"]);
  });

  it("ignores what does not belong there", () => {
    const driver = new Driver();
    driver.start();
    const strangers: (JoinInput | Timeout)[] = [
      { type: "start" },
      { type: "joined" },
      { type: "found", meeting: null },
      { type: "pin-checked", role: "host" },
      { type: "admission", to: "join" },
      { type: "name-recorded" },
      { type: "played", play: 99 },
      TIMEOUT,
    ];
    for (const input of strangers) expect(driver.put(input), input.type).toEqual([]);
    expect(driver.dialogue.state).toBe("pin");
  });

  it("survives any order of inputs without an end of time or a throw", () => {
    let seed = 1;
    const random = (n: number) => {
      seed = (seed * 48271) % 0x7fffffff;
      return seed % n;
    };
    const inputs: JoinInput[] = [
      ...[..."0123456789*#"].map((digit): JoinInput => ({ type: "digit", digit })),
      { type: "found", meeting: facts() },
      { type: "found", meeting: null },
      { type: "pin-checked", role: null },
      { type: "pin-checked", role: "guest" },
      { type: "pin-checked", role: "closed" },
      { type: "admission", to: "lobby" },
      { type: "admission", to: "wait" },
      { type: "name-recorded" },
    ];
    for (let run = 0; run < 300; run++) {
      const driver = new Driver({ meeting: random(2) ? facts({ askName: random(2) === 1 }) : null });
      driver.start();
      for (let step = 0; step < 60; step++) {
        const pick = random(inputs.length + 2);
        if (pick < inputs.length) driver.put(inputs[pick]!);
        else if (pick === inputs.length) driver.played();
        else driver.wait(random(10_000));
      }
      // questions left open are answered by others; everything else comes to its end alone
      if (driver.dialogue.state === "looking-up") driver.put({ type: "found", meeting: null });
      if (driver.dialogue.state === "admitting") driver.admission("wait");
      driver.wait(2_000_000);
      if (driver.dialogue.state === "admitting") driver.admission("wait");
      driver.wait(2_000_000);
      expect(driver.dialogue.state).toBe("ended");
    }
  });
});
