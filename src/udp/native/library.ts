import { type Koffi, loadKoffi, type NativeFunction } from "./koffi.ts";

/** Linux's numbers, the same on x86-64 and arm64. */
export const Linux = {
  AF_INET: 2,
  AF_INET6: 10,
  /** SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC */
  DATAGRAM: 2 | 0o4000 | 0o2000000,
  /** EPOLL_CLOEXEC */
  CLOEXEC: 0o2000000,
  EPOLL_CTL_ADD: 1,
  EPOLLIN: 1,
  SOL_SOCKET: 1,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  EACCES: 13,
  EADDRINUSE: 98,
} as const;

const NAMES = {
  // int64 for addresses: a JavaScript number holds the 47 or 48 bits that user space has
  socket: ["int", "int", "int", "int"],
  bind: ["int", "int", "int64_t", "int"],
  getsockname: ["int", "int", "int64_t", "int64_t"],
  setsockopt: ["int", "int", "int", "int", "int64_t", "int"],
  recvfrom: ["int", "int", "int64_t", "int64_t", "int", "int64_t", "int64_t"],
  sendto: ["int", "int", "int64_t", "int64_t", "int", "int64_t", "int"],
  close: ["int", "int"],
  epoll_create1: ["int", "int"],
  epoll_ctl: ["int", "int", "int", "int", "int64_t"],
  epoll_wait: ["int", "int", "int64_t", "int", "int"],
  inet_pton: ["int", "int", "int64_t", "int64_t"],
  inet_ntop: ["int64_t", "int", "int64_t", "int64_t", "int"],
  if_nametoindex: ["int", "int64_t"],
  if_indextoname: ["int64_t", "int", "int64_t"],
  EVP_aes_128_gcm: ["int64_t"],
  EVP_aes_256_gcm: ["int64_t"],
  EVP_CIPHER_CTX_new: ["int64_t"],
  EVP_CIPHER_CTX_free: ["void", "int64_t"],
  EVP_CIPHER_CTX_ctrl: ["int", "int64_t", "int", "int", "int64_t"],
  EVP_CipherInit_ex: ["int", "int64_t", "int64_t", "int64_t", "int64_t", "int64_t", "int"],
  EVP_CipherUpdate: ["int", "int64_t", "int64_t", "int64_t", "int64_t", "int"],
  EVP_CipherFinal_ex: ["int", "int64_t", "int64_t", "int64_t"],
  ERR_clear_error: ["void"],
} as const;

/** The C library's and OpenSSL's functions that are called, by their own names: Node.js's executable exports both. */
export type Functions = Readonly<Record<keyof typeof NAMES, NativeFunction>>;

export interface Library {
  readonly c: Functions;
  readonly koffi: Koffi;
}

let loaded: Library | undefined;

/** Loads what is called, once a thread. Throws where something is missing. */
export function loadLibrary(): Library {
  if (loaded) return loaded;
  const koffi = loadKoffi();
  const process = koffi.load(null);
  const entries = Object.entries(NAMES).map(([name, [result, ...parameters]]) => [name, process.func(name, result, parameters)]);
  loaded = { koffi, c: Object.fromEntries(entries) as Functions };
  return loaded;
}
