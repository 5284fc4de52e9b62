/** Tar archives without what differs from run to run. Pure. */

const BLOCK = 512;
/** Offset and length of the fields of a ustar header that name a moment or a user. */
const OCTAL = { uid: [108, 8], gid: [116, 8], mtime: [136, 12] } as const;
const SIZE = [124, 12] as const;
const CHECKSUM = [148, 8] as const;
const NAMES = { uname: [265, 32], gname: [297, 32] } as const;

const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;

/** The archive with every entry made at `mtime` (seconds since 1970) by user 0. */
export function withFixedTimes(archive: Uint8Array, mtime: number): Buffer {
  const result = Buffer.from(archive);
  for (let at = 0; at + BLOCK <= result.length; ) {
    const header = result.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const [sizeAt, sizeLength] = SIZE;
    const size = Number.parseInt(header.toString('latin1', sizeAt, sizeAt + sizeLength), 8);
    if (Number.isNaN(size)) throw new Error(`tar: expected the size of an entry at byte ${at}, got none`);
    rewrite(header, mtime);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return result;
}

function rewrite(header: Buffer, mtime: number): void {
  for (const [name, [offset, length]] of Object.entries(OCTAL))
    header.write(octal(name === 'mtime' ? mtime : 0, length), offset, 'latin1');
  for (const [offset, length] of Object.values(NAMES)) header.fill(0, offset, offset + length);
  const [offset, length] = CHECKSUM;
  header.fill(' ', offset, offset + length);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, length - 1)} `, offset, 'latin1');
}
