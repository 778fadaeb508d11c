import {
  type Additions,
  bmpString,
  boolean,
  choice,
  ia5String,
  type Infer,
  integer,
  lazy,
  octetString,
  oid,
  optional as opt,
  sequence,
  sequenceOf,
  size,
  type Type,
  type UnknownAlternative,
} from "../per/index.ts";
import { AliasAddress, GloballyUniqueID, TransportAddress, u8, u16, u32 } from "./common.ts";

/** H.460 features are told apart by these: `standard: 18` is H.460.18. */
export const GenericIdentifier = choice({ standard: integer(0, 16383, true), oid, nonStandard: GloballyUniqueID }, {});
export type GenericIdentifier = Infer<typeof GenericIdentifier>;

export interface Content {
  readonly raw?: Uint8Array;
  readonly text?: string;
  readonly unicode?: string;
  readonly bool?: boolean;
  readonly number8?: number;
  readonly number16?: number;
  readonly number32?: number;
  readonly id?: GenericIdentifier;
  readonly alias?: AliasAddress;
  readonly transport?: TransportAddress;
  readonly compound?: readonly EnumeratedParameter[];
  readonly nested?: readonly GenericData[];
  readonly $unknown?: UnknownAlternative;
}
export interface EnumeratedParameter {
  readonly id: GenericIdentifier;
  readonly content?: Content;
  readonly $more?: Additions;
}
/** A feature and its parameters (H.460 series). */
export interface GenericData {
  readonly id: GenericIdentifier;
  readonly parameters?: readonly EnumeratedParameter[];
  readonly $more?: Additions;
}

export const GenericData: Type<GenericData> = lazy(() =>
  sequence({ id: GenericIdentifier, parameters: opt(sequenceOf(EnumeratedParameter, size(1, 512))) }, {}),
);
const EnumeratedParameter: Type<EnumeratedParameter> = lazy(() => sequence({ id: GenericIdentifier, content: opt(Content) }, {}));
const Content: Type<Content> = choice(
  {
    raw: octetString(),
    text: ia5String(),
    unicode: bmpString(),
    bool: boolean,
    number8: u8,
    number16: u16,
    number32: u32,
    id: GenericIdentifier,
    alias: AliasAddress,
    transport: TransportAddress,
    compound: sequenceOf(EnumeratedParameter, size(1, 512)),
    nested: sequenceOf(GenericData, size(1, 16)),
  },
  {},
);

const features = opt(sequenceOf(GenericData));
export const GenericDataList = features;
export const FeatureSet = sequence(
  { replacementFeatureSet: boolean, neededFeatures: features, desiredFeatures: features, supportedFeatures: features },
  {},
);
export type FeatureSet = Infer<typeof FeatureSet>;
