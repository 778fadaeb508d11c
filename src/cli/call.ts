/** What `crosspoint call` is told. */
export interface CallOptions {
  readonly json?: boolean;
}

/** `crosspoint call URI`. */
export async function call(_uri: string, _options: CallOptions): Promise<number> {
  process.stderr.write("crosspoint call is not there yet\n");
  return 1;
}
