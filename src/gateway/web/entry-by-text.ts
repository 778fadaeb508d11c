import type { Clock } from "../../base/clock.ts";
import { MachineDriver } from "../../base/machine-driver.ts";
import type { Key } from "../../legs/dtmf.ts";
import { JoinDialogue } from "../../ivr/join-dialogue.ts";
import type { Digits } from "../../ivr/digits.ts";
import type { JoinInput, JoinOutput, JoinSetup, MeetingFacts } from "../../ivr/join-types.ts";
import type { Meeting, Role } from "../../meetings/model.ts";
import type { Call, Destination } from "../call/call.ts";
import { factsOf, type Reception } from "../call/answer.ts";

/** Nobody hears a prompt, and typing into a form takes longer than pressing keys while one listens. Milliseconds. */
const FIRST_DIGIT_MS = 60_000;

/** Names are recorded, which takes a microphone: later. */
const facts = (meeting: Meeting): MeetingFacts => ({ ...factsOf(meeting), askName: false });

interface Entry {
  readonly call: Call;
  readonly destination: Destination;
  readonly reception: Pick<Reception, "find" | "checkPin">;
  readonly clock: Clock;
  /** Of a number that is typed, too: a meeting that wants no guest PIN asks for nothing here. */
  readonly setup: Pick<JoinSetup, "language" | "languageChosen" | "timings">;
}

/**
 * Asks a page for the meeting's number and the guest's or host's PIN before there are media: the join dialogue, of which the page shows where it stands and
 * nothing is heard. Resolves with the meeting and the role that was proved; null when the call is over, which the dialogue ends itself after too many tries.
 */
export function enterByText({ call, destination, reception, clock, setup }: Entry): Promise<Destination | null> {
  let meeting: Meeting | null = destination.meeting;
  if (meeting !== null && meeting.guestPin === null) return Promise.resolve(destination);
  const dialogue = new JoinDialogue({
    ...setup,
    timings: { ...setup.timings, firstDigitMs: FIRST_DIGIT_MS },
    meeting: meeting && facts(meeting),
    dialledPin: destination.pin,
    role: null,
  });
  const done = Promise.withResolvers<Destination | null>();
  let over = false;

  const finish = (found: Destination | null): void => {
    if (over) return;
    over = true;
    driver.close();
    call.leg.off("dtmf", key);
    call.off("ended", ended);
    done.resolve(found);
  };
  const put = (input: JoinInput): void => driver.act((machine, now) => machine.handle(input, now));
  const key = ({ digit }: Key): void => put({ type: "digit", digit });
  const ended = (): void => finish(null);
  const ask = (answer: Promise<JoinInput>): void => {
    answer.then(put, (error: unknown) => {
      call.log.error({ event: "look-up-failed", err: error }, "a question of the join dialogue has no answer");
      put({ type: "dismiss", outcome: "internal-error", reason: `the gateway failed: ${String(error)}`, prompts: [] });
    });
  };
  const proved = (role: Role | null): void => finish({ meeting, pin: null, role, unnamed: true });

  const perform = (output: JoinOutput) => {
    if (over) return;
    switch (output.type) {
      case "play":
        // silence is over at once
        return queueMicrotask(() => put({ type: "played", play: output.play }));
      case "look-up":
        return ask(lookUp(output.number));
      case "check-pin":
        return ask(reception.checkPin(meeting, call, output.pin));
      case "state":
        return void call.emit("dialogue", output.state);
      case "ask-admission":
        return proved(output.role);
      case "hang-up":
        finish(null);
        return void call.end(output.outcome, output.reason);
    }
  };
  const driver: MachineDriver<JoinOutput, JoinDialogue> = new MachineDriver({ machine: dialogue, clock, perform });
  const lookUp = async (number: Digits): Promise<JoinInput> => {
    const found = await reception.find(call, number);
    if (typeof found === "string") return { type: "found-closed", outcome: found };
    meeting = found;
    if (found !== null && found.guestPin === null) proved(null);
    return { type: "found", meeting: found && facts(found) };
  };

  call.leg.on("dtmf", key);
  call.once("ended", ended);
  call.state = "ivr";
  put({ type: "start" });
  return done.promise;
}
