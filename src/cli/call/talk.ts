import { setTimeout as timer } from "node:timers/promises";
import type { CallMedia } from "./media.ts";
import type { CallOptions, CallReport, Reached } from "./report.ts";

/** How long the far end may take to answer. */
export const answerSeconds = 40;

/** A pause that does not keep the process: what is waited for may come first, and the call's sockets are there as long as it is needed. */
export const delay = <T = void>(ms: number, value?: T): Promise<T> => timer(ms, value, { ref: false }) as Promise<T>;

/** Enters the PIN once the far end speaks, and stays for the time wished. */
export async function talk(
  media: CallMedia,
  options: CallOptions,
  report: CallReport,
  ended: Promise<void>,
  press: (keys: string) => boolean = (keys) => media.press(keys),
): Promise<void> {
  const until = performance.now() + options.seconds * 1000;
  const over = (): boolean => report.ended !== null || performance.now() >= until;
  if (options.pin !== undefined) {
    // A dialogue that says nothing is answered all the same, after three seconds.
    const impatient = performance.now() + 3000;
    while (!over() && media.firstSoundAt === null && performance.now() < impatient) await Promise.race([delay(20), ended]);
    report.pinSent = !over() && press(`${options.pin}#`);
    if (!report.pinSent && !over()) report.error = "the far end takes no telephone events: the PIN cannot be entered";
    while (!over() && !media.pressed) await Promise.race([delay(20), ended]);
  }
  if (!over()) await Promise.race([delay(Math.max(0, until - performance.now())), ended]);
}

/** What became of the media, once the call is over or about to be. */
export function judge(media: CallMedia, report: CallReport, sent: number): void {
  const { stages } = report;
  stages.firstPacket = media.firstPacketAt === null ? null : media.firstPacketAt - sent;
  stages.firstPrompt = media.firstSoundAt === null ? null : media.firstSoundAt - sent;
  if (report.ended !== null) report.error ??= `the far end ended the call before its time${report.reason ? `: ${report.reason}` : ""}`;
  if (media.firstPacketAt === null) report.error ??= "no audio came: look at firewalls, NAT and media.advertise";
}

/** What a gateway says of the call (`Crosspoint-State` of the answer to OPTIONS in the dialog); `answered` where it says nothing that is known. */
export function reachedBy(header: string | undefined): Reached {
  const [state, ...parameters] = (header ?? "").split(";").map((part) => part.trim().toLowerCase());
  if (state === "ivr") return parameters.includes("wrong-pin") ? "wrong-pin" : "dialogue";
  return state === "joined" || state === "lobby" || state === "waiting" ? state : "answered";
}

/** Fails the report of a call that has not joined, as far as can be told: where the far end says nothing, a PIN may have been wrong. */
export function judgeState(report: CallReport, pin: string | undefined): void {
  const why = {
    refused: undefined,
    answered: pin === undefined ? undefined : "answered, not known to have joined: the far end does not say what became of the PIN",
    dialogue:
      pin === undefined
        ? "not joined: the dialogue asks for a number or a PIN"
        : "not joined: the dialogue still asks; the PIN came too late, or is not all it asks for",
    "wrong-pin": "not joined: the PIN is wrong",
    lobby: "not joined: the caller is in the lobby, until a host lets them in",
    waiting: "not joined: the caller waits for the meeting to begin",
    joined: undefined,
  } as const;
  const error = report.state === null ? undefined : why[report.state];
  if (error !== undefined) report.error ??= error;
}
