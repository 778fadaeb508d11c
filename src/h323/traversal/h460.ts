/** Features of the H.460 series as H.225.0 carries them: descriptors with parameters, both told apart by numbers. */
import type { GenericData } from "../../wire/h225/index.ts";

type Content = NonNullable<NonNullable<GenericData["parameters"]>[number]["content"]>;

/** A feature by its number (18 is H.460.18), with parameters by theirs; `null` for one without content. */
export function feature(number: number, parameters: Readonly<Record<number, Content | null>> = {}): GenericData {
  const list = Object.entries(parameters).map(([id, content]) => ({
    id: { standard: Number(id) },
    ...(content === null ? {} : { content }),
  }));
  return { id: { standard: number }, ...(list.length > 0 ? { parameters: list } : {}) };
}

/** Lists in which a message may name a feature: its feature set, or the lists of Setup, and generic data. */
export interface Featured {
  readonly featureSet?: FeatureLists | undefined;
  readonly genericData?: readonly GenericData[] | undefined;
  readonly neededFeatures?: readonly GenericData[] | undefined;
  readonly desiredFeatures?: readonly GenericData[] | undefined;
  readonly supportedFeatures?: readonly GenericData[] | undefined;
}
type FeatureLists = Pick<Featured, "neededFeatures" | "desiredFeatures" | "supportedFeatures">;

/** The feature of that number, wherever the message has it. */
export function findFeature(message: Featured | undefined, number: number): GenericData | undefined {
  if (message === undefined) return undefined;
  const { featureSet: set } = message;
  const lists = [
    message.genericData,
    message.supportedFeatures,
    message.desiredFeatures,
    message.neededFeatures,
    set?.supportedFeatures,
    set?.desiredFeatures,
    set?.neededFeatures,
  ];
  for (const list of lists) {
    const found = list?.find((f) => f.id.standard === number);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether a feature has the parameter, with content or without. */
export function hasParameter(data: GenericData | undefined, number: number): boolean {
  return data?.parameters?.some((p) => p.id.standard === number) === true;
}

/** Octets of a parameter, all of that number in order. */
export function rawParameters(data: GenericData | undefined, number: number): Uint8Array[] {
  return (data?.parameters ?? []).flatMap((p) => (p.id.standard === number && p.content?.raw !== undefined ? [p.content.raw] : []));
}

/** A feature set that only says what is supported. */
export function supports(...features: readonly GenericData[]) {
  return { replacementFeatureSet: false, supportedFeatures: features };
}
