/**
 * QR codes (ISO/IEC 18004): bytes, error correction level M, the smallest version that holds them.
 * For what is shown once (a pairing code, a second factor): it is drawn where it is shown and goes nowhere else.
 */

const CHECKS_PER_BLOCK = [
  10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
];
const BLOCKS = [
  1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37,
  38, 40, 43, 45, 47, 49,
];
const LEVEL_M = 0;
const MASKS = [
  (x, y) => (x + y) % 2,
  (x, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

/** @returns {boolean[][]} rows of modules, true is dark; without the quiet zone of 4. Throws RangeError beyond 2,331 bytes. */
export function qrModules(text) {
  const bytes = new TextEncoder().encode(text);
  const version = versionFor(bytes.length);
  const stream = interleaved(dataCodewords(bytes, version), version);
  let best = null;
  for (let mask = 0; mask < MASKS.length; mask += 1) {
    const grid = new Grid(version);
    grid.drawFixed(mask);
    grid.drawData(stream, MASKS[mask]);
    const penalty = grid.penalty();
    if (!best || penalty < best.penalty) best = { penalty, modules: grid.dark };
  }
  return best.modules;
}

function versionFor(length) {
  for (let version = 1; version <= 40; version += 1) {
    const headerBits = 4 + lengthBits(version);
    if (Math.ceil((headerBits + length * 8) / 8) <= dataCapacity(version)) return version;
  }
  throw new RangeError(`${length} bytes are too many for a QR code`);
}

const lengthBits = (version) => (version < 10 ? 8 : 16);
const checkCount = (version) => CHECKS_PER_BLOCK[version - 1] * BLOCKS[version - 1];
const dataCapacity = (version) => Math.floor(rawModules(version) / 8) - checkCount(version);

/** Modules that carry data and checks: all but the patterns, the format and the version. */
function rawModules(version) {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const alignments = Math.floor(version / 7) + 2;
    modules -= (25 * alignments - 10) * alignments - 55;
    if (version >= 7) modules -= 36;
  }
  return modules;
}

function dataCodewords(bytes, version) {
  const bits = [];
  const put = (value, length) => {
    for (let bit = length - 1; bit >= 0; bit -= 1) bits.push((value >>> bit) & 1);
  };
  put(0b0100, 4);
  put(bytes.length, lengthBits(version));
  for (const byte of bytes) put(byte, 8);
  const capacity = dataCapacity(version) * 8;
  put(0, Math.min(4, capacity - bits.length));
  put(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < capacity; pad ^= 0xec ^ 0x11) put(pad, 8);
  const codewords = new Uint8Array(bits.length / 8);
  bits.forEach((bit, index) => (codewords[index >> 3] |= bit << (7 - (index & 7))));
  return codewords;
}

// --- error correction: Reed-Solomon over GF(2^8), polynomial 0x11d -----------------------------------------------

function times(one, other) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((other >>> bit) & 1) * one;
  }
  return product;
}

function divisorOf(degree) {
  const divisor = new Uint8Array(degree);
  divisor[degree - 1] = 1;
  let root = 1;
  for (let step = 0; step < degree; step += 1) {
    for (let index = 0; index < degree; index += 1) {
      divisor[index] = times(divisor[index], root) ^ (divisor[index + 1] ?? 0);
    }
    root = times(root, 2);
  }
  return divisor;
}

function checksOf(data, divisor) {
  const rest = new Uint8Array(divisor.length);
  for (const byte of data) {
    const factor = byte ^ rest[0];
    rest.copyWithin(0, 1);
    rest[rest.length - 1] = 0;
    divisor.forEach((value, index) => (rest[index] ^= times(value, factor)));
  }
  return rest;
}

function interleaved(data, version) {
  const count = BLOCKS[version - 1];
  const divisor = divisorOf(CHECKS_PER_BLOCK[version - 1]);
  const short = Math.floor(data.length / count);
  const longOnes = data.length % count;
  const blocks = [];
  for (let index = 0, from = 0; index < count; index += 1) {
    const length = short + (index < count - longOnes ? 0 : 1);
    const part = data.subarray(from, from + length);
    blocks.push({ data: part, checks: checksOf(part, divisor) });
    from += length;
  }
  const stream = [];
  for (let at = 0; at <= short; at += 1) for (const block of blocks) if (at < block.data.length) stream.push(block.data[at]);
  for (let at = 0; at < divisor.length; at += 1) for (const block of blocks) stream.push(block.checks[at]);
  return stream;
}

// --- the grid ----------------------------------------------------------------------------------------------------

class Grid {
  constructor(version) {
    this.version = version;
    this.size = version * 4 + 17;
    this.dark = Array.from({ length: this.size }, () => Array(this.size).fill(false));
    this.fixed = Array.from({ length: this.size }, () => Array(this.size).fill(false));
  }

  #set(x, y, dark) {
    this.dark[y][x] = Boolean(dark);
    this.fixed[y][x] = true;
  }

  drawFixed(mask) {
    const { size } = this;
    for (let at = 0; at < size; at += 1) {
      this.#set(6, at, at % 2 === 0);
      this.#set(at, 6, at % 2 === 0);
    }
    for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) this.#square(x, y, 4, (ring) => ring !== 2 && ring !== 4);
    const places = alignmentPlaces(this.version);
    const last = places.length - 1;
    places.forEach((x, i) =>
      places.forEach((y, j) => {
        const onFinder = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0);
        if (!onFinder) this.#square(x, y, 2, (ring) => ring !== 1);
      }),
    );
    this.#drawFormat(mask);
    this.#drawVersion();
  }

  #square(centreX, centreY, radius, isDark) {
    for (let dy = -radius; dy <= radius; dy += 1) {
      for (let dx = -radius; dx <= radius; dx += 1) {
        const [x, y] = [centreX + dx, centreY + dy];
        if (x < 0 || y < 0 || x >= this.size || y >= this.size) continue;
        this.#set(x, y, isDark(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  }

  #drawFormat(mask) {
    const { size } = this;
    const bits = withRemainder((LEVEL_M << 3) | mask, 10, 0x537) ^ 0x5412;
    const bit = (index) => (bits >>> index) & 1;
    for (let index = 0; index <= 5; index += 1) this.#set(8, index, bit(index));
    this.#set(8, 7, bit(6));
    this.#set(8, 8, bit(7));
    this.#set(7, 8, bit(8));
    for (let index = 9; index < 15; index += 1) this.#set(14 - index, 8, bit(index));
    for (let index = 0; index < 8; index += 1) this.#set(size - 1 - index, 8, bit(index));
    for (let index = 8; index < 15; index += 1) this.#set(8, size - 15 + index, bit(index));
    this.#set(8, size - 8, true);
  }

  #drawVersion() {
    if (this.version < 7) return;
    const bits = withRemainder(this.version, 12, 0x1f25);
    for (let index = 0; index < 18; index += 1) {
      const [far, near] = [this.size - 11 + (index % 3), Math.floor(index / 3)];
      this.#set(far, near, (bits >>> index) & 1);
      this.#set(near, far, (bits >>> index) & 1);
    }
  }

  /** Two columns at a time, from the right, up and down by turns; the timing column is left out. */
  drawData(stream, masked) {
    let index = 0;
    for (let right = this.size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      for (let step = 0; step < this.size; step += 1) {
        const y = ((right + 1) & 2) === 0 ? this.size - 1 - step : step;
        for (const x of [right, right - 1]) {
          if (this.fixed[y][x]) continue;
          const bit = index < stream.length * 8 ? (stream[index >> 3] >>> (7 - (index & 7))) & 1 : 0;
          this.dark[y][x] = Boolean(bit) !== (masked(x, y) === 0);
          index += 1;
        }
      }
    }
  }

  penalty() {
    const { dark, size } = this;
    const columns = dark.map((_, x) => dark.map((row) => row[x]));
    let total = 0;
    for (const line of [...dark, ...columns]) total += linePenalty(line);
    let count = 0;
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) {
        if (dark[y][x]) count += 1;
        if (x === 0 || y === 0) continue;
        const one = dark[y][x];
        if (one === dark[y - 1][x] && one === dark[y][x - 1] && one === dark[y - 1][x - 1]) total += 3;
      }
    }
    return total + Math.floor(Math.abs((count * 20) / (size * size) - 10)) * 10;
  }
}

/** Runs of five and more, and what could be taken for a finder. */
function linePenalty(line) {
  let total = 0;
  let run = 0;
  line.forEach((dark, index) => {
    run = index > 0 && dark === line[index - 1] ? run + 1 : 1;
    if (run === 5) total += 3;
    else if (run > 5) total += 1;
  });
  const text = line.map(Number).join("");
  for (const finder of ["10111010000", "00001011101"]) {
    for (let at = text.indexOf(finder); at >= 0; at = text.indexOf(finder, at + 1)) total += 40;
  }
  return total;
}

function withRemainder(value, length, polynomial) {
  let rest = value;
  for (let step = 0; step < length; step += 1) rest = (rest << 1) ^ ((rest >>> (length - 1)) * polynomial);
  return (value << length) | rest;
}

function alignmentPlaces(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.floor((version * 8 + count * 3 + 5) / (count * 4 - 4)) * 2;
  const places = [6];
  for (let index = 0, at = version * 4 + 10; index < count - 1; index += 1, at -= step) places.splice(1, 0, at);
  return places;
}
