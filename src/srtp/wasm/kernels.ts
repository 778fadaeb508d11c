import { assemble } from "./assembler.ts";
import { ghash } from "./ghash.ts";
import { ghashLanes, LANES } from "./ghash-lanes.ts";
import { hmacSha1, sha1Block } from "./sha1.ts";

/**
 * The arithmetic of SRTP's packet path in WebAssembly, assembled when first imported. node:crypto makes an object for each packet, which costs
 * many times what the cipher does. One instance a thread; its memory is scratch between two calls and holds no state.
 */

/** Where things lie in the memory, in bytes. A packet may have 64 KiB, with room for a tag and padding behind. */
export const LAYOUT = { scratch: 0, result: 64, associated: 256, packet: 65_536, lanes: 196_608 } as const;
const PAGES = 4;

/** Longest protected packet the kernels take: a UDP datagram. */
export const MAX_PACKET = 65_535;

/** What the module exports; all arguments are 32-bit integers, see the programs. */
interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer };
  ghash(
    h0: number,
    h1: number,
    h2: number,
    h3: number,
    aad: number,
    aadLength: number,
    text: number,
    textLength: number,
    scratch: number,
    result: number,
    bare: number,
  ): void;
  ghashLanes(page: number, aad: number, aadLength: number, text: number, textLength: number, groups: number): void;
  hmacSha1(
    i0: number,
    i1: number,
    i2: number,
    i3: number,
    i4: number,
    o0: number,
    o1: number,
    o2: number,
    o3: number,
    o4: number,
    message: number,
    length: number,
    result: number,
  ): void;
  sha1Block(block: number, state: number): void;
}

/** The little of the WebAssembly API that is used: its types come with the browser's library, which this project does not load. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** With the relaxed vector instructions, or without: throws where the runtime is from before them. */
export function instantiate(relaxed: boolean): Kernels {
  const module = new WebAssembly.Module(assemble([ghash(), ghashLanes(relaxed), hmacSha1(), sha1Block()], PAGES));
  return new WebAssembly.Instance(module).exports as Kernels;
}

function best(): Kernels {
  try {
    return instantiate(true);
  } catch {
    return instantiate(false);
  }
}

/** This thread's kernels. */
export const kernels = best();

/** Their memory, as bytes and as words. */
export const memory = new Uint8Array(kernels.memory.buffer);
export const memoryWords = new Int32Array(kernels.memory.buffer);

const PACKET_WORD = LAYOUT.packet / 4;

/** Fewer blocks than these are hashed faster one by one. */
const FEWEST_LANE_BLOCKS = 24;
let tablesInPlace: Uint8Array | undefined;

/** Groups of sixteen blocks that texts of so many bytes are hashed in side by side; 0 when they are to be hashed one by one. */
export function laneGroups(aadLength: number, textLength: number): number {
  const blocks = ((aadLength + 15) >> 4) + ((textLength + 15) >> 4) + 1;
  const groups = (blocks + 15) >> 4;
  return blocks < FEWEST_LANE_BLOCKS || groups > LANES.maxGroups ? 0 : groups;
}

/** Hashes side by side, all but the last four blocks; where those stand. `tables` are the key's `laneTables`. */
export function hashLanes(tables: Uint8Array, aad: number, aadLength: number, text: number, textLength: number, groups: number): number {
  if (tables !== tablesInPlace) {
    memory.set(tables, LAYOUT.lanes + LANES.tables);
    tablesInPlace = tables;
  }
  kernels.ghashLanes(LAYOUT.lanes, aad, aadLength, text, textLength, groups);
  return LAYOUT.lanes + LANES.out;
}

/** Brings a packet's first `length` bytes in. */
export function loadPacket(packet: Uint8Array, length: number): void {
  memory.set(length === packet.length ? packet : packet.subarray(0, length), LAYOUT.packet);
}

/** Views by length: making one costs more than copying an audio packet. */
const views: Uint8Array[] = [];
const MAX_CACHED_VIEW = 2048;

/** Copies the packet's first `length` bytes to `out`. */
export function storePacket(out: Uint8Array, length: number): void {
  if (length > MAX_CACHED_VIEW) out.set(memory.subarray(LAYOUT.packet, LAYOUT.packet + length));
  else out.set((views[length] ??= memory.subarray(LAYOUT.packet, LAYOUT.packet + length)));
}

/**
 * XORs a key stream into the packet's bytes [from, to). `from` is a multiple of four; up to three bytes behind `to` change too.
 */
export function xorPacket(from: number, to: number, keystream: Int32Array, at: number): void {
  const start = PACKET_WORD + (from >> 2);
  const count = (to - from + 3) >> 2;
  for (let i = 0; i < count; i++) memoryWords[start + i]! ^= keystream[at + i]!;
}
