import { anyInteger, boolean, choice, contents, type Infer, nul, octetString, optional as opt, sequence } from "../per/index.ts";
import { NonStandardParameter, u8, u32 } from "./common.ts";
import { DataProtocolCapability, GenericCapability } from "./generic.ts";

export const T84Profile = choice({
  t84Unrestricted: nul,
  t84Restricted: sequence(
    {
      qcif: boolean,
      cif: boolean,
      ccir601Seq: boolean,
      ccir601Prog: boolean,
      hdtvSeq: boolean,
      hdtvProg: boolean,
      g3FacsMH200x100: boolean,
      g3FacsMH200x200: boolean,
      g4FacsMMR200x100: boolean,
      g4FacsMMR200x200: boolean,
      jbig200x200Seq: boolean,
      jbig200x200Prog: boolean,
      jbig300x300Seq: boolean,
      jbig300x300Prog: boolean,
      digPhotoLow: boolean,
      digPhotoMedSeq: boolean,
      digPhotoMedProg: boolean,
      digPhotoHighSeq: boolean,
      digPhotoHighProg: boolean,
    },
    {},
  ),
});

export const T38FaxProfile = sequence(
  { fillBitRemoval: boolean, transcodingJBIG: boolean, transcodingMMR: boolean },
  {
    version: u8,
    t38FaxRateManagement: choice({ localTCF: nul, transferredTCF: nul }, {}),
    t38FaxUdpOptions: opt(
      sequence({
        t38FaxMaxBuffer: opt(anyInteger),
        t38FaxMaxDatagram: opt(anyInteger),
        t38FaxUdpEC: choice({ t38UDPFEC: nul, t38UDPRedundancy: nul }, {}),
      }),
    ),
    t38FaxTcpOptions: opt(sequence({ t38TCPBidirectionalMode: boolean }, {})),
  },
);

export const nlpid = sequence({ nlpidProtocol: DataProtocolCapability, nlpidData: octetString() });
export const t38fax = sequence({ t38FaxProtocol: DataProtocolCapability, t38FaxProfile: T38FaxProfile });

/** Data applications: far-end camera control is `h224` or H.323 Annex Q's generic capability, fax is `t38fax`. */
export const DataApplicationCapability = sequence(
  {
    application: choice(
      {
        nonStandard: NonStandardParameter,
        t120: DataProtocolCapability,
        "dsm-cc": DataProtocolCapability,
        userData: DataProtocolCapability,
        t84: sequence({ t84Protocol: DataProtocolCapability, t84Profile: T84Profile }),
        t434: DataProtocolCapability,
        h224: DataProtocolCapability,
        nlpid,
        dsvdControl: nul,
        h222DataPartitioning: DataProtocolCapability,
      },
      {
        t30fax: DataProtocolCapability,
        t140: DataProtocolCapability,
        t38fax,
        genericDataCapability: GenericCapability,
        dataChannel: contents,
        extendedDataApplicationCapability: contents,
      },
    ),
    maxBitRate: u32,
  },
  {},
);
export type DataApplicationCapability = Infer<typeof DataApplicationCapability>;
