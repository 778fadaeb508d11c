/** Lengths in milliseconds, with what each guards. A configuration may shorten or lengthen them. */
export const DURATIONS = {
  /** Setup sent, nothing heard (H.225.0 table 18, Q.931 table 9-2). Over TCP Setup is not sent again. */
  T303: 10_000,
  /** CallProceeding heard, neither Alerting nor Connect nor Progress. */
  T310: 30_000,
  /** Alerting heard, no Connect. */
  T301: 180_000,
  /** SetupAcknowledge sent, no further digits: the number is complete. */
  T302: 15_000,
  /** StatusInquiry sent, no Status. */
  T322: 4_000,
  /** Connect sent or heard, control not established (no connection, no capabilities, no determination). */
  control: 20_000,
  /** TerminalCapabilitySet sent, no answer (T101). */
  T101: 15_000,
  /** OpenLogicalChannel sent, no answer (T103). */
  T103: 15_000,
  /** RoundTripDelayRequest sent, no answer (T105). */
  T105: 6_000,
  /** MasterSlaveDetermination sent, no answer (T106). */
  T106: 15_000,
  /** CloseLogicalChannel sent, no answer (T103 too, in the closing state). */
  closing: 5_000,
  /** RequestMode sent, no answer (T109). */
  T109: 10_000,
} as const;
export type Duration = keyof typeof DURATIONS;
export type Durations = { readonly [K in Duration]: number };
