// IP packets byte by byte, for `tpnet send-packets`: those that no socket would send, too. From the world's remote host to
// the service.

export const TCP = 6;
export const UDP = 17;
export const AUTHENTICATION = 51;
export const DESTINATION_OPTIONS = 60;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

const FROM4 = [10, 66, 0, 2];
const TO4 = [10, 66, 0, 1];
const FROM6 = [0xfd, 0x66, ...Array<number>(13).fill(0), 2];
const TO6 = [0xfd, 0x66, ...Array<number>(13).fill(0), 1];

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const NOP = 1;
/** RFC 4727, an experiment's: who does not know it passes it over. Padding of such length the kernel would refuse. */
const UNKNOWN_OPTION = 0x1e;

let lastSourcePort = 20_000;
let lastIdentification = 0;

/** A TCP header without options or checksum: the kernel drops it behind the tc program. Each has a source port of its own: no SYN is another one's retransmission. */
export function tcp(flags: number, port = 80): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(++lastSourcePort, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt8(5 << 4, 12);
  header.writeUInt8(flags, 13);
  header.writeUInt16BE(0xffff, 14);
  return header;
}

/** The first bytes of a segment with these flags, of a length that a fragment can have. */
export const startOf = (flags: number, length = 24) =>
  Buffer.concat([tcp(flags), Buffer.alloc(8)]).subarray(0, length);

/** The same header as the kernel takes it, in IPv6. */
export function withChecksum6(segment: Buffer): Buffer {
  const pseudoHeader = Buffer.from([...FROM6, ...TO6, 0, 0, 0, segment.length, 0, 0, 0, TCP]);
  const summed = Buffer.concat([pseudoHeader, segment]);
  let sum = 0;
  for (let at = 0; at < summed.length; at += 2) sum += summed.readUInt16BE(at);
  const checked = Buffer.from(segment);
  // In ones' complement, where what is carried comes in again below: the remainder by 0xffff.
  checked.writeUInt16BE(0xffff - (sum % 0xffff), 16);
  return checked;
}

/** In units of 8 bytes. */
export interface Fragment {
  readonly offset: number;
  readonly more: boolean;
}

export interface Ip4Fields {
  readonly protocol?: number;
  /** The header's length in units of 4 bytes; above 5 there are options. */
  readonly headerLength?: number;
  readonly dontFragment?: boolean;
  readonly fragment?: Fragment;
}

export function ip4(payload: Buffer, fields: Ip4Fields = {}): Buffer {
  const { protocol = TCP, headerLength = 5, dontFragment = false, fragment } = fields;
  const header = Buffer.alloc(headerLength * 4, NOP);
  header.fill(0, 0, 20);
  header.writeUInt8(0x40 | headerLength, 0);
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(
    (dontFragment ? DONT_FRAGMENT : 0) | (fragment?.more ? MORE_FRAGMENTS : 0) | (fragment?.offset ?? 0),
    6,
  );
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  header.set([...FROM4, ...TO4], 12);
  return Buffer.concat([header, payload]);
}

/** An extension header of IPv6: its own number, and its bytes but for the first, which is the number of the next. */
export interface Extension {
  readonly number: number;
  readonly rest: readonly number[];
}

export interface Ip6Fields {
  readonly protocol?: number;
  readonly extensions?: readonly Extension[];
}

export function ip6(payload: Buffer, { protocol = TCP, extensions = [] }: Ip6Fields = {}): Buffer {
  const chain = extensions.flatMap(({ rest }, i) => [extensions[i + 1]?.number ?? protocol, ...rest]);
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(chain.length + payload.length, 4);
  header.writeUInt8(extensions[0]?.number ?? protocol, 6);
  header.writeUInt8(64, 7);
  header.set([...FROM6, ...TO6], 8);
  return Buffer.concat([header, Buffer.from(chain), payload]);
}

/** `units` of 8 bytes long, as are all but the authentication header. */
export const hopByHop = (units = 1): Extension => ({ number: 0, rest: options(units) });
export const destinationOptions = (units = 1): Extension => ({
  number: DESTINATION_OPTIONS,
  rest: options(units),
});

/** Of a type for experiments (RFC 4727), with nowhere left to go: who does not know it passes it over. */
export function routing(units = 1): Extension {
  return { number: 43, rest: [units - 1, 253, 0, ...zeroes(units * 8 - 4)] };
}

/** Its length is in units of 4 bytes, less 2 (RFC 4302). */
export function authentication(checkValueLength = 12): Extension {
  const length = 12 + checkValueLength;
  return { number: AUTHENTICATION, rest: [length / 4 - 2, 0, 0, ...zeroes(length - 4)] };
}

export interface FragmentFields {
  /** Of the whole packet; fragments that do not belong together have different ones. */
  readonly identification?: number;
  /** The two bits between the offset and "more fragments", which the receiver ignores. */
  readonly reserved?: number;
}

export function fragmentHeader({ offset, more }: Fragment, fields: FragmentFields = {}): Extension {
  const { identification = ++lastIdentification, reserved = 0 } = fields;
  const rest = Buffer.alloc(7);
  rest.writeUInt16BE((offset << 3) | (reserved << 1) | Number(more), 1);
  rest.writeUInt32BE(identification, 3);
  return { number: 44, rest: [...rest] };
}

export interface Family {
  readonly family: string;
  readonly wrap: (payload: Buffer, fields?: { readonly protocol?: number }) => Buffer;
  readonly wrapFragment: (
    payload: Buffer,
    fragment: Fragment,
    fields?: { readonly protocol?: number },
  ) => Buffer;
}

export const FAMILIES: readonly Family[] = [
  {
    family: "IPv4",
    wrap: ip4,
    wrapFragment: (payload, fragment, fields) => ip4(payload, { fragment, ...fields }),
  },
  {
    family: "IPv6",
    wrap: ip6,
    wrapFragment: (payload, fragment, fields) =>
      ip6(payload, { extensions: [fragmentHeader(fragment)], ...fields }),
  },
];

function options(units: number): number[] {
  const length = units * 8 - 4;
  return [units - 1, UNKNOWN_OPTION, length, ...zeroes(length)];
}

function zeroes(count: number): number[] {
  return Array<number>(count).fill(0);
}
