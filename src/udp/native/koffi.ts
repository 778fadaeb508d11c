import { createRequire } from "node:module";

/** A C function, called with numbers: integers, and addresses as integers. */
export type NativeFunction = (...args: number[]) => number;

/** The little of koffi that is used. */
export interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: readonly string[]): NativeFunction };
  /** The calling thread's errno, as the last call left it. */
  errno(): number;
  /** Where the bytes lie. */
  address(bytes: Uint8Array): number | bigint;
}

/**
 * koffi's binary for this platform, out of the package that has nothing else: the package `koffi` around it would bring an install script and adds
 * deprecated names. Throws where there is none.
 */
export function loadKoffi(): Koffi {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64"))
    throw new Error(`not made for ${process.platform} ${process.arch}`);
  return createRequire(import.meta.url)(`@koromix/koffi-linux-${process.arch}`) as Koffi;
}
