import type { CertificateFault } from "../security/certificates/faults.ts";

/** Refusals that this room decides; names of records/model.ts's OutcomeCode. */
export type OutcomeCodeOfTrunk = "trunk-unknown" | "trunk-credentials" | CertificateFault;
