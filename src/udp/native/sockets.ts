import type { AeadProvider } from "../../srtp/index.ts";
import { isPort, type TakeDatagram, type Udp, type UdpSocket } from "../port.ts";
import { Addresses, type NativeAddress } from "./addresses.ts";
import { NativeAead } from "./aead.ts";
import { Arena, AT, DATAGRAM, MAX_EVENTS } from "./arena.ts";
import { Ledger, type LedgerMemory } from "./ledger.ts";
import { type Library, Linux, loadLibrary } from "./library.ts";

/** sizeof(struct epoll_event): packed on x86-64 only. Its last 8 bytes are ours. */
const EVENT = process.arch === "x64" ? 12 : 16;
const EVENT_DATA = EVENT - 8;
/** Datagrams taken before the event loop's other work has its turn. */
const BATCH = 256;
/**
 * How often sockets are looked at, milliseconds, by how many datagrams come in one, in the mean of the last fifth of a second: waking up for nothing
 * costs as much as ten datagrams, and who gets few of them loses little by getting them two milliseconds later.
 */
const PACES: readonly (readonly [datagrams: number, ms: number])[] = [
  [0.5, 1],
  [0.1, 2],
  [0, 4],
];
const MEMORY_MS = 200;
/** sizeof(struct sockaddr_in6), the longest there is. */
const MAX_SOCKADDR = 28;

/**
 * The kernel's datagram sockets, a thread's. One epoll descriptor tells of all; it is looked at by a timer, not watched by the event loop: what comes within
 * a millisecond is one turn's work, and koffi's way of being woken takes the process along when the thread is ended at that moment. Nothing is allocated
 * for a datagram.
 */
export class NativeUdp implements Udp {
  readonly kind = "native";
  readonly aead: AeadProvider;
  readonly #library: Library;
  readonly #arena: Arena;
  readonly #addresses: Addresses;
  readonly #ledger: Ledger;
  /** By a number that is never used twice: what epoll says of a socket closed meanwhile finds nothing. */
  readonly #sockets = new Map<number, NativeSocket>();
  readonly #epoll: number;
  readonly #place: number;
  #timer: NodeJS.Timeout | undefined;
  #again: NodeJS.Immediate | undefined;
  /** Sockets that receive. */
  #watched = 0;
  /** Datagrams a millisecond, in the mean; begins busy. */
  #rate = 1;
  #lookedAt = 0;
  #taken = 0;
  #nextId = 1;
  #closed = false;

  /** Throws where it cannot be had. */
  constructor(memory: LedgerMemory) {
    this.#library = loadLibrary();
    this.#arena = new Arena(this.#library.koffi);
    this.#addresses = new Addresses(this.#library.c, this.#arena);
    this.#ledger = new Ledger(memory);
    this.aead = new NativeAead(this.#library, this.#arena, this.#ledger);
    this.#epoll = this.#library.c.epoll_create1(Linux.CLOEXEC);
    if (this.#epoll < 0) throw this.#error("epoll_create1");
    this.#place = this.#ledger.opened(this.#epoll);
  }

  async bind(host: string, port: number, buffer?: number): Promise<UdpSocket | undefined> {
    return this.bindNow(host, port, buffer);
  }

  /** {@link bind}, at once. */
  bindNow(host: string, port: number, buffer?: number): UdpSocket | undefined {
    if (this.#closed || this.#ledger.full) throw new Error("no more sockets");
    const address = this.#addresses.parse(host);
    if (!address || !(port === 0 || isPort(port))) throw new RangeError(`not an address: ${host} ${port}`);
    const { c } = this.#library;
    const fd = c.socket(address.family, Linux.DATAGRAM, 0);
    if (fd < 0) throw this.#error("socket");
    const place = this.#ledger.opened(fd);
    const id = this.#nextId++;
    try {
      if (buffer !== undefined) this.#size(fd, buffer);
      if (c.bind(fd, this.#arena.at(AT.to), this.#addresses.write(address, port, AT.to)) !== 0) {
        const error = this.#library.koffi.errno();
        if (error !== Linux.EADDRINUSE && error !== Linux.EACCES) throw this.#error("bind");
        this.#ledger.closing(place);
        c.close(fd);
        return undefined;
      }
      this.#arena.words[AT.int / 4] = MAX_SOCKADDR;
      if (c.getsockname(fd, this.#arena.at(AT.from), this.#arena.at(AT.int)) !== 0) throw this.#error("getsockname");
      const bound = this.#addresses.port;
      const owner = {
        watch: () => this.#watch(fd, id),
        closing: (watched: boolean) => {
          this.#sockets.delete(id);
          this.#ledger.closing(place);
          if (watched && --this.#watched === 0) this.#rest();
        },
      };
      const socket = new NativeSocket(this.#library, this.#arena, this.#addresses, fd, bound, address.family, owner);
      this.#sockets.set(id, socket);
      return socket;
    } catch (error) {
      if (!this.#sockets.has(id)) {
        this.#ledger.closing(place);
        c.close(fd);
      }
      throw error;
    }
  }

  memory(size: number): Buffer {
    return this.#arena.take(size);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of [...this.#sockets.values()]) socket.close();
    this.#rest();
    this.#ledger.closing(this.#place);
    this.#library.c.close(this.#epoll);
  }

  #watch(fd: number, id: number): void {
    const { words } = this.#arena;
    const at = AT.event / 4;
    words[at] = Linux.EPOLLIN;
    words[at + EVENT_DATA / 4] = id;
    words[at + EVENT_DATA / 4 + 1] = 0;
    if (this.#library.c.epoll_ctl(this.#epoll, Linux.EPOLL_CTL_ADD, fd, this.#arena.at(AT.event)) !== 0) throw this.#error("epoll_ctl");
    this.#watched++;
    if (!this.#again) this.#timer ??= setTimeout(this.#look, 1);
  }

  /** Nothing is looked at any more: without sockets that receive the event loop is not kept alive. */
  #rest(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#again);
    this.#timer = this.#again = undefined;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    this.#again = undefined;
    let left = BATCH;
    try {
      left = this.look(BATCH);
    } finally {
      // A socket that began to receive in this turn has set a timer of its own: one is enough.
      this.#rest();
      // More than a batch: the event loop's other work has its turn, then the rest comes.
      if (left <= 0 && this.#watched > 0) this.#again = setImmediate(this.#look);
      else if (this.#watched > 0) this.#timer = setTimeout(this.#look, this.#pace());
    }
  };

  /**
   * Takes about so many datagrams that wait, one of each socket that has some, and again, so that none is kept waiting by another's burst. Returns how many
   * more it might have taken.
   */
  look(most = BATCH): number {
    const { c } = this.#library;
    const events = this.#arena.at(AT.events);
    const { words } = this.#arena;
    let left = most;
    while (left > 0 && !this.#closed) {
      const ready = c.epoll_wait(this.#epoll, events, MAX_EVENTS, 0);
      if (ready <= 0) break;
      for (let i = 0; i < ready; i++) this.#sockets.get(words[(AT.events + i * EVENT + EVENT_DATA) / 4]!)?.read();
      left -= ready;
    }
    this.#taken += most - left;
    return left;
  }

  /** Milliseconds until the next look. */
  #pace(): number {
    const now = performance.now();
    const passed = Math.max(0.1, now - this.#lookedAt);
    this.#lookedAt = now;
    this.#rate += (this.#taken / passed - this.#rate) * Math.min(1, passed / MEMORY_MS);
    this.#taken = 0;
    for (const [datagrams, ms] of PACES) if (this.#rate >= datagrams) return ms;
    return 1;
  }

  /** As much as the system allows. */
  #size(fd: number, bytes: number): void {
    this.#arena.words[AT.int / 4] = bytes;
    for (const option of [Linux.SO_RCVBUF, Linux.SO_SNDBUF])
      this.#library.c.setsockopt(fd, Linux.SOL_SOCKET, option, this.#arena.at(AT.int), 4);
  }

  #error(call: string): Error {
    return new Error(`${call}: error ${this.#library.koffi.errno()}`);
  }
}

interface Owner {
  /** Lets the socket's datagrams be told of. */
  watch(): void;
  /** `watched`: they were told of. */
  closing(watched: boolean): void;
}

class NativeSocket implements UdpSocket {
  readonly port: number;
  readonly #library: Library;
  readonly #arena: Arena;
  readonly #addresses: Addresses;
  readonly #family: number;
  readonly #owner: Owner;
  /** -1 once closed. */
  #fd: number;
  #take: TakeDatagram | undefined;
  /** Who sent last, in words and as text; who is sent to, as text and in words. */
  readonly #source = new Int32Array(6);
  #sourceText = "";
  #target = "";
  #targetAddress: NativeAddress | undefined;

  constructor(library: Library, arena: Arena, addresses: Addresses, fd: number, port: number, family: number, owner: Owner) {
    this.#library = library;
    this.#arena = arena;
    this.#addresses = addresses;
    this.#fd = fd;
    this.port = port;
    this.#family = family;
    this.#owner = owner;
  }

  receive(take: TakeDatagram): void {
    if (this.#fd >= 0 && !this.#take) this.#owner.watch();
    this.#take = take;
  }

  /** One datagram, if there is one. */
  read(): void {
    if (this.#fd < 0) return;
    const arena = this.#arena;
    arena.words[AT.int / 4] = MAX_SOCKADDR;
    const length = this.#library.c.recvfrom(this.#fd, arena.received, DATAGRAM, Linux.MSG_DONTWAIT, arena.at(AT.from), arena.at(AT.int));
    // An error of something sent before is taken away by having been told.
    if (length < 0 || length > DATAGRAM) return;
    this.#take?.(arena.datagram(length), this.#from(), this.#addresses.port);
  }

  send(datagram: Buffer, port: number, address: string): boolean {
    if (this.#fd < 0 || !isPort(port)) return false;
    if (address !== this.#target) {
      this.#target = address;
      const parsed = this.#addresses.parse(address);
      this.#targetAddress = parsed?.family === this.#family ? parsed : undefined;
    }
    if (!this.#targetAddress) return false;
    const arena = this.#arena;
    const { length } = datagram;
    const from = arena.locateOrStage(datagram, length);
    if (from === 0) return false;
    const to = arena.at(AT.to);
    const size = this.#addresses.write(this.#targetAddress, port, AT.to);
    this.#library.c.sendto(this.#fd, from, length, Linux.MSG_DONTWAIT | Linux.MSG_NOSIGNAL, to, size);
    return false;
  }

  close(closed?: () => void): void {
    const fd = this.#fd;
    if (fd >= 0) {
      this.#fd = -1;
      const watched = this.#take !== undefined;
      this.#take = undefined;
      this.#owner.closing(watched);
      this.#library.c.close(fd);
    }
    if (closed) setImmediate(closed);
  }

  /** The source's address as text, made when it is another than the last. */
  #from(): string {
    const { words } = this.#arena;
    const at = AT.from / 4;
    const source = this.#source;
    let same = this.#sourceText !== "";
    if (this.#family === Linux.AF_INET) {
      same &&= words[at + 1] === source[0];
      source[0] = words[at + 1]!;
    } else {
      for (let i = 0; i < 5; i++) {
        same &&= words[at + 2 + i] === source[i];
        source[i] = words[at + 2 + i]!;
      }
    }
    if (!same) this.#sourceText = this.#addresses.format();
    return this.#sourceText;
  }
}
