/** The dialogue's timers, each with its purpose. */
const TIMERS = {
  entry: "a number or PIN must be complete by then, all tries together",
  firstDigit: "nothing was typed since the prompt ended: say it again",
  interDigit: "no further digit: what was typed is all",
  patience: "the lobby, or the wait for the host, has lasted long enough",
  name: "the longest a name may be",
  ending: "the last words have not ended by then: hang up all the same",
} as const;

export type TimerName = keyof typeof TIMERS;
