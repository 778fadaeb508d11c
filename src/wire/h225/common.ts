import {
  bitString,
  bmpString,
  boolean,
  choice,
  enumerated,
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

export const u8 = integer(0, 255);
export const u16 = integer(0, 65535);
export const u32 = integer(0, 4294967295);

export const GloballyUniqueID = octetString(size(16));
export const ConferenceIdentifier = GloballyUniqueID;
export const CallIdentifier = sequence({ guid: GloballyUniqueID }, {});
export const RequestSeqNum = integer(1, 65535);
export const GatekeeperIdentifier = bmpString(size(1, 128));
export const EndpointIdentifier = bmpString(size(1, 128));
/** In units of 100 bit/s. */
export const BandWidth = u32;
export const CallReferenceValue = u16;
export const ProtocolIdentifier = oid;
export const TimeToLive = integer(1, 4294967295);
export const Language = sequenceOf(ia5String(size(1, 32)));

export const H221NonStandard = sequence({ t35CountryCode: u8, t35Extension: u8, manufacturerCode: u16 }, {});
export const NonStandardParameter = sequence({
  nonStandardIdentifier: choice({ object: oid, h221NonStandard: H221NonStandard }, {}),
  data: octetString(),
});

/** Where call signalling, RAS or H.245 is reached. */
export const TransportAddress = choice(
  {
    ipAddress: sequence({ ip: octetString(size(4)), port: u16 }),
    ipSourceRoute: sequence(
      { ip: octetString(size(4)), port: u16, route: sequenceOf(octetString(size(4))), routing: choice({ strict: nul, loose: nul }, {}) },
      {},
    ),
    ipxAddress: sequence({ node: octetString(size(6)), netnum: octetString(size(4)), port: octetString(size(2)) }),
    ip6Address: sequence({ ip: octetString(size(16)), port: u16 }, {}),
    netBios: octetString(size(16)),
    nsap: octetString(size(1, 20)),
    nonStandardAddress: NonStandardParameter,
  },
  {},
);
export type TransportAddress = Infer<typeof TransportAddress>;

const NumberDigits = ia5String(size(1, 128), "0123456789#*,");
const PublicPartyNumber = sequence({
  publicTypeOfNumber: choice(
    {
      unknown: nul,
      internationalNumber: nul,
      nationalNumber: nul,
      networkSpecificNumber: nul,
      subscriberNumber: nul,
      abbreviatedNumber: nul,
    },
    {},
  ),
  publicNumberDigits: NumberDigits,
});
const privateTypeOfNumber = choice(
  {
    unknown: nul,
    level2RegionalNumber: nul,
    level1RegionalNumber: nul,
    pISNSpecificNumber: nul,
    localNumber: nul,
    abbreviatedNumber: nul,
  },
  {},
);
export const PartyNumber = choice(
  {
    e164Number: PublicPartyNumber,
    dataPartyNumber: NumberDigits,
    telexPartyNumber: NumberDigits,
    privateNumber: sequence({ privateTypeOfNumber, privateNumberDigits: NumberDigits }),
    nationalStandardPartyNumber: NumberDigits,
  },
  {},
);

const IsupDigits = ia5String(size(1, 128), "0123456789ABCDE");
const IsupNumber = choice(
  {
    e164Number: sequence(
      {
        natureOfAddress: choice(
          {
            unknown: nul,
            subscriberNumber: nul,
            nationalNumber: nul,
            internationalNumber: nul,
            networkSpecificNumber: nul,
            routingNumberNationalFormat: nul,
            routingNumberNetworkSpecificFormat: nul,
            routingNumberWithCalledDirectoryNumber: nul,
          },
          {},
        ),
        address: IsupDigits,
      },
      {},
    ),
    dataPartyNumber: IsupDigits,
    telexPartyNumber: IsupDigits,
    privateNumber: sequence({ privateTypeOfNumber, address: IsupDigits }, {}),
    nationalStandardPartyNumber: IsupDigits,
  },
  {},
);

const tbcd = (lb: number, ub: number) => ia5String(size(lb, ub), "0123456789#*abc");
const subscriber = opt(tbcd(3, 16));
const code = opt(octetString(size(1)));
const MobileUIM = choice(
  {
    "ansi-41-uim": sequence(
      {
        imsi: subscriber,
        min: subscriber,
        mdn: subscriber,
        msisdn: subscriber,
        esn: opt(tbcd(16, 16)),
        mscid: subscriber,
        "system-id": choice({ sid: tbcd(1, 4), mid: tbcd(1, 4) }, {}),
        systemMyTypeCode: code,
        systemAccessType: code,
        qualificationInformationCode: code,
        sesn: opt(tbcd(16, 16)),
        soc: subscriber,
      },
      {},
    ),
    "gsm-uim": sequence(
      {
        imsi: subscriber,
        tmsi: opt(octetString(size(1, 4))),
        msisdn: subscriber,
        imei: opt(tbcd(15, 16)),
        hplmn: opt(tbcd(1, 4)),
        vplmn: opt(tbcd(1, 4)),
      },
      {},
    ),
  },
  {},
);

/** A name or number. */
export const AliasAddress = choice(
  { dialledDigits: NumberDigits, "h323-ID": bmpString(size(1, 256)) },
  {
    "url-ID": ia5String(size(1, 512)),
    transportID: TransportAddress,
    "email-ID": ia5String(size(1, 512)),
    partyNumber: PartyNumber,
    mobileUIM: MobileUIM,
    isupNumber: IsupNumber,
  },
);
export type AliasAddress = Infer<typeof AliasAddress>;
export const Aliases = sequenceOf(AliasAddress);
export const AddressPattern = choice(
  { wildcard: AliasAddress, range: sequence({ startOfRange: PartyNumber, endOfRange: PartyNumber }) },
  {},
);
export const DisplayName = sequence({ language: opt(ia5String()), name: bmpString(size(1, 80)) });

export const PresentationIndicator = choice({ presentationAllowed: nul, presentationRestricted: nul, addressNotAvailable: nul }, {});
export const ScreeningIndicator = enumerated(
  ["userProvidedNotScreened", "userProvidedVerifiedAndPassed", "userProvidedVerifiedAndFailed", "networkProvided"],
  [],
);
export const ExtendedAliasAddress = sequence(
  { address: AliasAddress, presentationIndicator: opt(PresentationIndicator), screeningIndicator: opt(ScreeningIndicator) },
  {},
);

export const VendorIdentifier = sequence(
  { vendor: H221NonStandard, productId: opt(octetString(size(1, 256))), versionId: opt(octetString(size(1, 256))) },
  { enterpriseNumber: opt(oid) },
);

export const TunnelledProtocol = sequence(
  {
    id: choice(
      {
        tunnelledProtocolObjectID: oid,
        tunnelledProtocolAlternateID: sequence({ protocolType: ia5String(size(1, 64)), protocolVariant: opt(ia5String(size(1, 64))) }, {}),
      },
      {},
    ),
    subIdentifier: opt(ia5String(size(1, 64))),
  },
  {},
);

export const CallType = choice({ pointToPoint: nul, oneToN: nul, nToOne: nul, nToN: nul }, {});
export const CallModel = choice({ direct: nul, gatekeeperRouted: nul }, {});

export const QseriesOptions = sequence(
  {
    q932Full: boolean,
    q951Full: boolean,
    q952Full: boolean,
    q953Full: boolean,
    q955Full: boolean,
    q956Full: boolean,
    q957Full: boolean,
    q954Info: sequence({ conferenceCalling: boolean, threePartyService: boolean }, {}),
  },
  {},
);

export const endpointSet = bitString(size(32));

const errors2 = {
  securityWrongSyncTime: nul,
  securityReplay: nul,
  securityWrongGeneralID: nul,
  securityWrongSendersID: nul,
  securityIntegrityFailed: nul,
  securityWrongOID: nul,
};
export const SecurityErrors2 = choice(errors2, {});
export const SecurityErrors = choice(
  {
    ...errors2,
    securityDHmismatch: nul,
    securityCertificateExpired: nul,
    securityCertificateDateInvalid: nul,
    securityCertificateRevoked: nul,
    securityCertificateNotReadable: nul,
    securityCertificateSignatureInvalid: nul,
    securityCertificateMissing: nul,
    securityCertificateIncomplete: nul,
    securityUnsupportedCertificateAlgOID: nul,
    securityUnknownCA: nul,
  },
  {},
);
