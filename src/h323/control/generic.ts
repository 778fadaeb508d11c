import type { GenericCapability, GenericParameter } from "../../wire/h245/index.ts";

/** Object identifiers of what H.245 carries without a type of its own, and where they come from. */
export const OID = {
  /** G.722.1 annex A. */
  g7221: "0.0.7.7221.1.0",
  /** No Recommendation names Opus. This is OpenMCU-ru's, the only one seen in the field. */
  opus: "1.3.6.1.4.1.17091.1.10.48",
  /** H.241 8.3.2: H.264, and how it is cut into packets (table 8-11). */
  h264: "0.0.8.241.0.0.1",
  h264SingleNal: "0.0.8.241.0.0.0.0",
  h264NonInterleaved: "0.0.8.241.0.0.0.1",
  /** H.239 6.1, 6.2, 11. */
  h239Control: "0.0.8.239.1.1",
  h239Video: "0.0.8.239.1.2",
  h239Message: "0.0.8.239.2",
  /** H.323 annex Q: far-end camera control over RTP. */
  h224: "0.0.8.224.1.0",
} as const;

/** Parameter `id` as the smaller of both sides' numbers. */
export function unsignedMin(id: number, unsignedMin: number): GenericParameter {
  return { parameterIdentifier: { standard: id }, parameterValue: { unsignedMin } };
}
export function booleanArray(id: number, bits: number): GenericParameter {
  return { parameterIdentifier: { standard: id }, parameterValue: { booleanArray: bits } };
}
export function logical(id: number): GenericParameter {
  return { parameterIdentifier: { standard: id }, parameterValue: { logical: true } };
}

/** The parameter's number, whatever kind of number it was sent as; undefined when it is not there. */
export function numberOf(parameters: readonly GenericParameter[] | undefined, id: number): number | undefined {
  const value = parameters?.find((p) => p.parameterIdentifier.standard === id)?.parameterValue;
  return value?.unsignedMin ?? value?.unsignedMax ?? value?.unsigned32Min ?? value?.unsigned32Max ?? value?.booleanArray;
}

export function hasParameter(parameters: readonly GenericParameter[] | undefined, id: number): boolean {
  return parameters?.some((p) => p.parameterIdentifier.standard === id) === true;
}

/** Whether a capability is the one of this identifier. */
export function isGeneric(capability: GenericCapability | undefined, oid: string): capability is GenericCapability {
  return capability?.capabilityIdentifier.standard === oid;
}

/** Parameters wherever they were put: senders differ in what they take for collapsing. */
export function parametersOf(capability: GenericCapability): readonly GenericParameter[] {
  return [...(capability.collapsing ?? []), ...(capability.nonCollapsing ?? [])];
}
