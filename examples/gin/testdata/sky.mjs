// A picture to send, made on the spot.

import { deflateSync } from "node:zlib";

/** sky returns a PNG of that size: an evening over hills. */
export function sky(width, height) {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0, i = 0; y < height; y++) {
    i++; // no filter
    for (let x = 0; x < width; x++) {
      const [u, v] = [x / width, y / height];
      const sun = Math.exp(-(((u - .7) * width / height) ** 2 + (v - .55) ** 2) * 30);
      const hill = v > .72 + .08 * Math.sin(u * 7) + .03 * Math.sin(u * 23);
      for (const c of hill ? [30 + 20 * u, 70, 62] : [90 + 150 * v + 90 * sun, 140 + 50 * v + 60 * sun, 205 - 60 * v]) {
        rows[i++] = Math.min(255, c);
      }
    }
  }
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("IDAT", deflateSync(rows, { level: 1 })), chunk("IEND", Buffer.alloc(0))]);
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}
