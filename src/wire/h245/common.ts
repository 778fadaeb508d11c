import {
  boolean,
  choice,
  ia5String,
  type Infer,
  integer,
  nul,
  numericString,
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

export const SequenceNumber = u8;
export const LogicalChannelNumber = integer(1, 65535);

export const NonStandardIdentifier = choice({
  object: oid,
  h221NonStandard: sequence({ t35CountryCode: u8, t35Extension: u8, manufacturerCode: u16 }),
});
export const NonStandardParameter = sequence({ nonStandardIdentifier: NonStandardIdentifier, data: octetString() });
export const NonStandardMessage = sequence({ nonStandardData: NonStandardParameter }, {});

const ip4 = sequence({ network: octetString(size(4)), tsapIdentifier: u16 }, {});
const ip6 = sequence({ network: octetString(size(16)), tsapIdentifier: u16 }, {});

export const UnicastAddress = choice(
  {
    iPAddress: ip4,
    iPXAddress: sequence({ node: octetString(size(6)), netnum: octetString(size(4)), tsapIdentifier: octetString(size(2)) }, {}),
    iP6Address: ip6,
    netBios: octetString(size(16)),
    iPSourceRouteAddress: sequence(
      {
        routing: choice({ strict: nul, loose: nul }),
        network: octetString(size(4)),
        tsapIdentifier: u16,
        route: sequenceOf(octetString(size(4))),
      },
      {},
    ),
  },
  { nsap: octetString(size(1, 20)), nonStandardAddress: NonStandardParameter },
);
export const MulticastAddress = choice(
  { iPAddress: ip4, iP6Address: ip6 },
  { nsap: octetString(size(1, 20)), nonStandardAddress: NonStandardParameter },
);
/** Where media or control goes. */
export const TransportAddress = choice({ unicastAddress: UnicastAddress, multicastAddress: MulticastAddress }, {});
export type TransportAddress = Infer<typeof TransportAddress>;

export const TerminalLabel = sequence({ mcuNumber: integer(0, 192), terminalNumber: integer(0, 192) }, {});

export const Q2931Address = sequence(
  {
    address: choice({ internationalNumber: numericString(size(1, 16)), nsapAddress: octetString(size(1, 20)) }, {}),
    subaddress: opt(octetString(size(1, 20))),
  },
  {},
);

export const NetworkAccessParameters = sequence(
  {
    distribution: opt(choice({ unicast: nul, multicast: nul }, {})),
    networkAddress: choice(
      { q2931Address: Q2931Address, e164Address: ia5String(size(1, 128), "0123456789#*,"), localAreaAddress: TransportAddress },
      {},
    ),
    associateConference: boolean,
    externalReference: opt(octetString(size(1, 255))),
  },
  { t120SetupProcedure: opt(choice({ originateCall: nul, waitForCall: nul, issueQuery: nul }, {})) },
);
