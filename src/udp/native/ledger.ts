import { loadLibrary } from "./library.ts";

const MAX_DESCRIPTORS = 1 << 15;
const MAX_CONTEXTS = 1 << 16;

/** Memory that a thread and its starter share, see {@link Ledger}. */
export interface LedgerMemory {
  readonly descriptors: Int32Array<SharedArrayBuffer>;
  readonly contexts: Float64Array<SharedArrayBuffer>;
}

export function ledgerMemory(): LedgerMemory {
  return {
    descriptors: new Int32Array(new SharedArrayBuffer(4 * MAX_DESCRIPTORS)),
    contexts: new Float64Array(new SharedArrayBuffer(8 * MAX_CONTEXTS)),
  };
}

/**
 * What a thread has open: the kernel's descriptors and OpenSSL's contexts belong to the process, and a thread that is ended takes nothing of them along. It
 * is written down after something was opened and struck out before it is closed: being ended between the two loses one, and never closes another's.
 */
export class Ledger {
  readonly #memory: LedgerMemory;
  readonly #freeDescriptors: number[] = [];
  readonly #freeContexts: number[] = [];
  #descriptors = 0;
  #contexts = 0;

  constructor(memory: LedgerMemory) {
    this.#memory = memory;
  }

  /** Whether there is no room for another descriptor. */
  get full(): boolean {
    return this.#freeDescriptors.length === 0 && this.#descriptors >= MAX_DESCRIPTORS;
  }

  /** Whether there is none for another context. */
  get keysFull(): boolean {
    return this.#freeContexts.length === 0 && this.#contexts >= MAX_CONTEXTS;
  }

  /** Returns the place to strike out. */
  opened(fd: number): number {
    const place = this.#freeDescriptors.pop() ?? this.#descriptors++;
    this.#memory.descriptors[place] = fd + 1;
    return place;
  }

  closing(place: number): void {
    this.#memory.descriptors[place] = 0;
    this.#freeDescriptors.push(place);
  }

  made(context: number): number {
    const place = this.#freeContexts.pop() ?? this.#contexts++;
    this.#memory.contexts[place] = context;
    return place;
  }

  freeing(place: number): void {
    this.#memory.contexts[place] = 0;
    this.#freeContexts.push(place);
  }
}

/** Closes and frees what a thread left. Only once it has ended. Returns how many. */
export function reclaim({ descriptors, contexts }: LedgerMemory): number {
  const { c } = loadLibrary();
  let count = 0;
  for (const [place, entry] of descriptors.entries()) {
    if (entry === 0) continue;
    descriptors[place] = 0;
    c.close(entry - 1);
    count++;
  }
  for (const [place, context] of contexts.entries()) {
    if (context === 0) continue;
    contexts[place] = 0;
    c.EVP_CIPHER_CTX_free(context);
    count++;
  }
  return count;
}
