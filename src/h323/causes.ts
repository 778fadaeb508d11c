import type { ReleaseCompleteReason } from "../wire/h225/index.ts";

type Reason = Exclude<keyof ReleaseCompleteReason, "$unknown">;

/** H.225.0 table 5: release reasons and the Q.850 causes they stand for when no cause element is there. */
const CAUSE_OF: Readonly<Partial<Record<Reason, number>>> = {
  noBandwidth: 34,
  gatekeeperResources: 47,
  unreachableDestination: 3,
  destinationRejection: 16,
  invalidRevision: 88,
  noPermission: 127,
  unreachableGatekeeper: 38,
  gatewayResources: 42,
  badFormatAddress: 28,
  adaptiveBusy: 41,
  inConf: 17,
  undefinedReason: 31,
  facilityCallDeflection: 16,
  securityDenied: 31,
  calledPartyNotRegistered: 20,
  callerNotRegistered: 31,
  newConnectionNeeded: 47,
  nonStandardReason: 127,
  replaceWithConferenceInvite: 31,
  genericDataReason: 31,
  neededFeatureNotSupported: 31,
  tunnelledSignallingRejected: 127,
  invalidCID: 3,
  securityError: 31,
  hopCountExceeded: 3,
};

/** Q.850 causes and the reason that says it best; 16 and all others are told by the cause element and `undefinedReason`. */
const REASON_OF: Readonly<Record<number, ReleaseCompleteReason>> = {
  1: { unreachableDestination: true },
  2: { unreachableDestination: true },
  3: { unreachableDestination: true },
  17: { inConf: true },
  20: { calledPartyNotRegistered: true },
  21: { destinationRejection: true },
  27: { unreachableDestination: true },
  28: { badFormatAddress: true },
  34: { noBandwidth: true },
  42: { gatewayResources: true },
  47: { gatekeeperResources: true },
  57: { noPermission: true },
  88: { invalidRevision: true },
};

/** Q.850 cause of a release: its cause element if there is one, else by the reason (H.225.0 7.2.2.8), else 31. */
export function causeOf(element: number | undefined, reason: ReleaseCompleteReason | undefined): number {
  if (element !== undefined) return element;
  const name = Object.keys(reason ?? {})[0] as Reason | undefined;
  return (name === undefined ? undefined : CAUSE_OF[name]) ?? 31;
}

/** Reason to put beside a cause element. */
export function reasonOf(cause: number): ReleaseCompleteReason {
  return REASON_OF[cause] ?? { undefinedReason: true };
}
