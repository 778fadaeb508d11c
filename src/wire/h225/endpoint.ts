import {
  bitString,
  bmpString,
  boolean,
  choice,
  ia5String,
  type Infer,
  integer,
  nul,
  octetString,
  oid,
  optional as opt,
  sequence,
  sequenceOf,
  size,
} from "../per/index.ts";
import { T38FaxProfile } from "../h245/data.ts";
import { DataProtocolCapability } from "../h245/generic.ts";
import {
  AliasAddress,
  Aliases,
  BandWidth,
  endpointSet,
  GatekeeperIdentifier,
  GloballyUniqueID,
  NonStandardParameter,
  TransportAddress,
  TunnelledProtocol,
  u8,
  u16,
  u32,
  VendorIdentifier,
} from "./common.ts";
import { FeatureSet, GenericDataList } from "./generic.ts";
import { CryptoToken, ClearToken, Encrypted, Hashed, SignedClearToken, TimeStamp } from "./h235.ts";

const nonStandardData = opt(NonStandardParameter);

export const DataRate = sequence({ nonStandardData, channelRate: BandWidth, channelMultiplier: opt(integer(1, 256)) }, {});
export const SupportedPrefix = sequence({ nonStandardData, prefix: AliasAddress }, {});
const prefixes = sequenceOf(SupportedPrefix);
const rates = opt(sequenceOf(DataRate));
const caps = sequence({ nonStandardData }, { dataRatesSupported: rates, supportedPrefixes: prefixes });

export const SupportedProtocols = choice(
  {
    nonStandardData: NonStandardParameter,
    h310: caps,
    h320: caps,
    h321: caps,
    h322: caps,
    h323: caps,
    h324: caps,
    voice: caps,
    "t120-only": caps,
  },
  {
    nonStandardProtocol: sequence({ nonStandardData, dataRatesSupported: rates, supportedPrefixes: prefixes }, {}),
    t38FaxAnnexbOnly: sequence(
      {
        nonStandardData,
        dataRatesSupported: rates,
        supportedPrefixes: prefixes,
        t38FaxProtocol: DataProtocolCapability,
        t38FaxProfile: T38FaxProfile,
      },
      {},
    ),
    sip: sequence({ nonStandardData, dataRatesSupported: rates, supportedPrefixes: opt(prefixes) }, {}),
  },
);

const plain = sequence({ nonStandardData }, {});

/** What an endpoint is, and who made it. */
export const EndpointType = sequence(
  {
    nonStandardData,
    vendor: opt(VendorIdentifier),
    gatekeeper: opt(plain),
    gateway: opt(sequence({ protocol: opt(sequenceOf(SupportedProtocols)), nonStandardData }, {})),
    mcu: opt(sequence({ nonStandardData }, { protocol: opt(sequenceOf(SupportedProtocols)) })),
    terminal: opt(plain),
    mc: boolean,
    undefinedNode: boolean,
  },
  { set: opt(endpointSet), supportedTunnelledProtocols: opt(sequenceOf(TunnelledProtocol)) },
);
export type EndpointType = Infer<typeof EndpointType>;

const hashed = { timeStamp: TimeStamp, token: Hashed };

/** A token of H.235 as RAS and call signalling carry it. */
export const CryptoH323Token = choice(
  {
    cryptoEPPwdHash: sequence({ alias: AliasAddress, ...hashed }),
    cryptoGKPwdHash: sequence({ gatekeeperId: GatekeeperIdentifier, ...hashed }),
    cryptoEPPwdEncr: Encrypted,
    cryptoGKPwdEncr: Encrypted,
    cryptoEPCert: SignedClearToken,
    cryptoGKCert: SignedClearToken,
    cryptoFastStart: SignedClearToken,
    nestedcryptoToken: CryptoToken,
  },
  {},
);
export type CryptoH323Token = Infer<typeof CryptoH323Token>;
/** `tokens` and `cryptoTokens`, which most messages carry. */
export const security = { tokens: opt(sequenceOf(ClearToken)), cryptoTokens: opt(sequenceOf(CryptoH323Token)) };

const mode = choice({ nonStandard: NonStandardParameter, none: nul, default: nul }, {});
const SecurityCapabilities = sequence(
  { nonStandard: opt(NonStandardParameter), encryption: mode, authenticaton: mode, integrity: mode },
  {},
);
export const H245Security = choice(
  { nonStandard: NonStandardParameter, noSecurity: nul, tls: SecurityCapabilities, ipsec: SecurityCapabilities },
  {},
);

const CarrierInfo = sequence({ carrierIdentificationCode: opt(octetString(size(3, 4))), carrierName: opt(ia5String(size(1, 128))) }, {});
const CircuitIdentifier = sequence(
  {
    cic: opt(sequence({ cic: sequenceOf(octetString(size(2, 4))), pointCode: octetString(size(2, 5)) }, {})),
    group: opt(sequence({ member: opt(sequenceOf(u16)), group: ia5String(size(1, 128)) }, {})),
  },
  { carrier: opt(CarrierInfo) },
);
export const CircuitInfo = sequence(
  { sourceCircuitID: opt(CircuitIdentifier), destinationCircuitID: opt(CircuitIdentifier), genericData: GenericDataList },
  {},
);

const calls = opt(sequenceOf(sequence({ calls: u32, group: opt(ia5String(size(1, 128))) }, { carrier: opt(CarrierInfo) })));
const CallCapacityInfo = sequence(
  {
    voiceGwCallsAvailable: calls,
    h310GwCallsAvailable: calls,
    h320GwCallsAvailable: calls,
    h321GwCallsAvailable: calls,
    h322GwCallsAvailable: calls,
    h323GwCallsAvailable: calls,
    h324GwCallsAvailable: calls,
    t120OnlyGwCallsAvailable: calls,
    t38FaxAnnexbOnlyGwCallsAvailable: calls,
    terminalCallsAvailable: calls,
    mcuCallsAvailable: calls,
  },
  { sipGwCallsAvailable: calls },
);
export const CallCapacity = sequence({ maximumCallCapacity: opt(CallCapacityInfo), currentCallCapacity: opt(CallCapacityInfo) }, {});

const CallCreditServiceControl = sequence(
  {
    amountString: opt(bmpString(size(1, 512))),
    billingMode: opt(choice({ credit: nul, debit: nul }, {})),
    callDurationLimit: opt(integer(1, 4294967295)),
    enforceCallDurationLimit: opt(boolean),
    callStartingPoint: opt(choice({ alerting: nul, connect: nul }, {})),
  },
  {},
);
export const ServiceControlSession = sequence(
  {
    sessionId: u8,
    contents: opt(
      choice(
        {
          url: ia5String(size(0, 512)),
          signal: octetString(),
          nonStandard: NonStandardParameter,
          callCreditServiceControl: CallCreditServiceControl,
        },
        {},
      ),
    ),
    reason: choice({ open: nul, refresh: nul, close: nul }, {}),
  },
  {},
);

const addresses = sequenceOf(TransportAddress);
export const AlternateTransportAddresses = sequence({ annexE: opt(addresses) }, { sctp: opt(addresses) });
export const UseSpecifiedTransport = choice({ tcp: nul, annexE: nul }, { sctp: nul });

/** Another endpoint or address at which the same party can be had. */
export const Endpoint = sequence(
  {
    nonStandardData,
    aliasAddress: opt(Aliases),
    callSignalAddress: opt(addresses),
    rasAddress: opt(addresses),
    endpointType: opt(EndpointType),
    ...security,
    priority: opt(integer(0, 127)),
    remoteExtensionAddress: opt(Aliases),
    destExtraCallInfo: opt(Aliases),
  },
  { alternateTransportAddresses: opt(AlternateTransportAddresses), circuitInfo: opt(CircuitInfo), featureSet: opt(FeatureSet) },
);

export const CallLinkage = sequence({ globalCallId: opt(GloballyUniqueID), threadId: opt(GloballyUniqueID) }, {});

const EncryptIntAlg = choice({ nonStandard: NonStandardParameter, isoAlgorithm: oid }, {});
export const IntegrityMechanism = choice(
  {
    nonStandard: NonStandardParameter,
    digSig: nul,
    iso9797: oid,
    nonIsoIM: choice(
      { "hMAC-MD5": nul, "hMAC-iso10118-2-s": EncryptIntAlg, "hMAC-iso10118-2-l": EncryptIntAlg, "hMAC-iso10118-3": oid },
      {},
    ),
  },
  {},
);
export const ICV = sequence({ algorithmOID: oid, icv: bitString() });
