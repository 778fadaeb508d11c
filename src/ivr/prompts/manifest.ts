/**
 * Every prompt the join dialogue can ask for, by identifier: `<root>/<language>/<id>.wav`. Tones and music have no language:
 * `<root>/common/<id>.wav`. The text beside each is what is said, in English.
 */
export const SPOKEN_PROMPTS = [
  "welcome", // Welcome.
  "enter-number", // Please enter the meeting number, followed by the hash key.
  "number-unknown", // There is no meeting with this number.
  "enter-pin", // Please enter your PIN, followed by the hash key.
  "enter-host-pin-or-hash", // If you are the host, enter the host PIN, followed by the hash key. Otherwise press the hash key.
  "pin-wrong", // This PIN is not right.
  "no-input", // I did not receive anything.
  "goodbye", // Goodbye.
  "lobby-wait", // Please wait. You will be let in shortly.
  "lobby-timeout", // Nobody let you in. Please try again later.
  "host-wait", // The meeting begins when the host has arrived. Please wait.
  "host-timeout", // The host has not arrived. Please try again later.
  "host-arrived", // The host has arrived.
  "joining", // You are joining the meeting.
  "alone", // You are the first in this meeting.
  "one-other", // There is one other participant.
  "others-before", // There are
  "others-after", // other participants.
  "many-others", // There are more than ninety-nine other participants.
  "say-name", // After the tone, say your name, then press the hash key.
  "has-joined", // has joined.
  "has-left", // has left.
  "someone-joined", // A participant has joined.
  "someone-left", // A participant has left.
  "muted", // You are muted.
  "unmuted", // You can be heard.
  "muted-by-host", // The host has muted you. Press star six to be heard.
  "hand-raised", // Your hand is raised.
  "hand-lowered", // Your hand is lowered.
  "help-guest", // Star six mutes and unmutes you. Star three raises your hand. Star star repeats this.
  "help-host", // Star six ..., star five locks the meeting, star seven lets the next waiting person in, star eight says how many are here, star star ...
  "meeting-now-locked", // The meeting is locked.
  "meeting-now-unlocked", // The meeting is unlocked.
  "nobody-waiting", // Nobody is waiting.
  "person-waiting", // Somebody is waiting to be let in. Press star seven to let them in.
  "let-in", // They are let in.
  "meeting-full", // The meeting is full.
  "meeting-locked", // The meeting is locked. Nobody else can join.
  "meeting-ended", // The meeting has ended.
  "removed", // You have been removed from the meeting.
  "encrypted-refused", // This meeting is end-to-end encrypted. It cannot be joined by telephone or room system.
  "technical-problem", // There is a technical problem. Please try again later.
] as const;

/** Numbers said in one piece: 0 to 20 and the tens. German puts `number-N-and` ("einund") before the tens. */
export const NUMBER_PROMPTS = [
  "number-0",
  "number-1",
  "number-2",
  "number-3",
  "number-4",
  "number-5",
  "number-6",
  "number-7",
  "number-8",
  "number-9",
  "number-10",
  "number-11",
  "number-12",
  "number-13",
  "number-14",
  "number-15",
  "number-16",
  "number-17",
  "number-18",
  "number-19",
  "number-20",
  "number-30",
  "number-40",
  "number-50",
  "number-60",
  "number-70",
  "number-80",
  "number-90",
  "number-1-and", // de only
  "number-2-and", // de only
  "number-3-and", // de only
  "number-4-and", // de only
  "number-5-and", // de only
  "number-6-and", // de only
  "number-7-and", // de only
  "number-8-and", // de only
  "number-9-and", // de only
] as const;

/** No language in these. */
export const COMMON_PROMPTS = [
  "tone-join", // two short rising notes
  "tone-leave", // two short falling notes
  "tone-record", // one short note
  "music", // half a minute or more, loops without a seam
] as const;

export type SpokenPrompt = (typeof SPOKEN_PROMPTS)[number];
export type NumberPrompt = (typeof NUMBER_PROMPTS)[number];
export type CommonPrompt = (typeof COMMON_PROMPTS)[number];
export type PromptId = SpokenPrompt | NumberPrompt | CommonPrompt;

const common: ReadonlySet<string> = new Set(COMMON_PROMPTS);

/** File of a prompt below the prompts' root, for example `de/enter-pin.wav`. */
export function promptFile(id: PromptId, language: string): string {
  return `${common.has(id) ? "common" : language}/${id}.wav`;
}
