import { ProtocolError } from "../../base/errors.ts";

/** Bytes that are not an encoding of the type, or a value that the type cannot hold. Says where: component path and bit. */
export class PerError extends ProtocolError {
  override name = "PerError";
  /** What went wrong, without the place. */
  readonly detail: string;
  /** Bit offset from the start of the input where decoding stood, undefined when encoding. */
  readonly bit: number | undefined;
  /** Component path from the root, for example `h323-uu-pdu.h323-message-body.setup.sourceAddress[0]`. */
  path = "";
  constructor(detail: string, bit?: number) {
    super(bit === undefined ? detail : `${detail} (at bit ${bit})`, {
      fault: bit === undefined ? "us" : "peer",
      cause: bit === undefined ? 41 : 100,
    });
    this.detail = detail;
    this.bit = bit;
  }
  /** Puts the enclosing component's name before the path; called while the stack unwinds. */
  within(step: string): this {
    this.path = this.path === "" ? step : this.path.startsWith("[") ? step + this.path : `${step}.${this.path}`;
    this.message = `${this.detail} (in ${this.path}${this.bit === undefined ? "" : `, at bit ${this.bit}`})`;
    return this;
  }
}

/** Adds `step` to a PerError's path; any other failure is turned into one (RangeError of a buffer, stack overflow). */
export function located(error: unknown, step: string, bit?: number): PerError {
  if (error instanceof PerError) return error.within(step);
  return new PerError(error instanceof Error ? error.message : String(error), bit).within(step);
}
