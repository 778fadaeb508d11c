import { choice, nul, optional as opt, sequenceOf } from "../per/index.ts";
import { RequestSeqNum, GatekeeperIdentifier, ProtocolIdentifier, NonStandardParameter, TransportAddress } from "./common.ts";
import { SupportedProtocols, security, CircuitInfo, CallCapacity, ServiceControlSession, Endpoint, ICV } from "./endpoint.ts";
import { GenericDataList, FeatureSet } from "./generic.ts";
import { AlternateGK, AltGKInfo } from "./ras-types.ts";

// What many RAS messages have in common (H.225.0 7.6).

export const requestSeqNum = RequestSeqNum;
export const protocolIdentifier = ProtocolIdentifier;
export const nonStandardData = opt(NonStandardParameter);
export const gatekeeperIdentifier = opt(GatekeeperIdentifier);
export const altGKInfo = opt(AltGKInfo);
export const featureSet = opt(FeatureSet);
export const genericData = GenericDataList;
export const assignedGatekeeper = opt(AlternateGK);
export const capacity = opt(CallCapacity);
export const circuitInfo = opt(CircuitInfo);
export const serviceControl = opt(sequenceOf(ServiceControlSession));
export const addresses = sequenceOf(TransportAddress);
export const endpoints = opt(sequenceOf(Endpoint));
export const gatekeepers = opt(sequenceOf(AlternateGK));
export const protocols = opt(sequenceOf(SupportedProtocols));
/** Tokens and the integrity check value, which go together in nearly every message. */
export const secured = { ...security, integrityCheckValue: opt(ICV) };
export const rehomingModel = opt(choice({ gatekeeperBased: nul, endpointBased: nul }));
export const securityDenial = nul;
