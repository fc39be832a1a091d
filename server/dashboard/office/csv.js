/** A file of people before the hub sees it: its letters, its header, what its columns are taken for, its parts. Pure. */

/** What a column may be said to be; `ignore` is for the rest. */
export const IMPORT_FIELDS = ["employee_number", "display_name", "site", "department", "badge", "national_id", "contact", "notes"];

/** The contract's bounds: characters of a part, bytes of the frame that carries it (less its other fields). */
const PART_CHARACTERS = 40_000;
const PART_BYTES = 60_000;
const SAMPLE_ROWS = 3;

/**
 * Columns that the hub knows by their names (without case, accents, spaces and points): it needn't be told what they
 * are. A surname is joined to the name, which only a hub left to itself does. A test holds this against the hub's own.
 */
const USUAL = {
  employee_number:
    "employeenumber number employee employeeid employeeno empno empnumber staffnumber staffid " +
    "personnelnumber payrollnumber numero num no n numeroempleado numempleado noempleado nempleado " +
    "numerodeempleado nodeempleado ndeempleado codigoempleado codigodeempleado numerotrabajador " +
    "numerodetrabajador matricula legajo",
  display_name:
    "displayname name fullname employeename firstname givenname nombre nombrecompleto nombreyapellidos " +
    "apellidosynombre nombreapellidos empleado trabajador",
  surname:
    "surname surnames lastname familyname apellidos apellido",
  site:
    "site sitename location workplace branch centro centrodetrabajo centrotrabajo sede lugar " +
    "lugardetrabajo delegacion sucursal tienda",
  department:
    "department departmentname dept team section departamento depto dpto seccion equipo area",
  national_id: "nationalid dni nif nie",
  contact: "contact contacto",
  badge:
    "badge badgenumber badgeid card cardnumber cardid tag tarjeta numerodetarjeta numerotarjeta " +
    "numtarjeta notarjeta ntarjeta codigotarjeta codigodetarjeta credencial acreditacion",
};
const KNOWN = new Map(Object.entries(USUAL).flatMap(([field, names]) => names.split(" ").map((name) => [name, field])));

const plain = (text) => text.normalize("NFKD").toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/** Text of a file's bytes: UTF-8, or what spreadsheets on Windows write where it isn't that. */
export function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** @returns {string} `;`, `,` or a tab: whichever the header has most of, outside quotes. */
export function delimiterOf(text) {
  const header = firstLine(text).replace(/"(?:[^"]|"")*"/g, "");
  const count = (one) => header.split(one).length;
  return [",", ";", "\t"].reduce((best, one) => (count(one) > count(best) ? one : best), ",");
}

function firstLine(text) {
  return /^[^\r\n]*/.exec(text.replace(/^\ufeff/, ""))[0];
}

/** @returns {string[][]} rows of cells (RFC 4180 with any delimiter), `most` of them; lines without content are left out. */
export function rowsOf(text, delimiter, most = Infinity) {
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    if (row.some((one) => one.trim())) rows.push(row);
    row = [];
    cell = "";
  };
  for (let at = 0; at < text.length && rows.length < most; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else quoted = false;
    } else if (letter === '"' && cell === "") quoted = true;
    else if (letter === delimiter) {
      row.push(cell);
      cell = "";
    } else if (letter === "\n" || letter === "\r") endRow();
    else cell += letter;
  }
  if (rows.length < most && (cell || row.length)) endRow();
  return rows;
}

/** @returns {{columns: string[], sample: string[][], fault: string|null}} what the top of a file says. */
export function topOf(text) {
  const [header = [], ...sample] = rowsOf(text.replace(/^\ufeff/, ""), delimiterOf(text), SAMPLE_ROWS + 1);
  const columns = header.map((name) => name.trim());
  const fault = columns.length === 0 ? "csv_empty" : new Set(columns).size < columns.length ? "csv_twice" : sample.length === 0 ? "csv_no_rows" : null;
  return { columns, sample, fault };
}

/** @returns {string[]} for each column the field (or `surname`) that its name stands for, each once; else `ignore`. */
export function proposedMapping(columns) {
  const taken = new Set();
  return columns.map((column) => {
    const field = KNOWN.get(plain(column));
    if (!field || taken.has(field)) return "ignore";
    taken.add(field);
    return field;
  });
}

/** @returns {object} by column's name, what the hub has to be told: where it wouldn't find the same by itself. */
export function toldMapping(columns, mapping) {
  const told = columns.map((column, index) => [column, mapping[index], KNOWN.get(plain(column)) ?? "ignore"]);
  return Object.fromEntries(told.filter(([, wanted, known]) => wanted !== known).map(([column, wanted]) => [column, wanted]));
}

/** @returns {string[]} the text in parts that a frame can carry; together they are the text. */
export function partsOf(text) {
  const encoder = new TextEncoder();
  const parts = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + PART_CHARACTERS);
    while (encoder.encode(JSON.stringify(text.slice(from, to))).length > PART_BYTES) to = from + Math.floor((to - from) * 0.75);
    if (isHighSurrogate(text.charCodeAt(to - 1)) && to < text.length) to -= 1;
    parts.push(text.slice(from, to));
    from = to;
  }
  return parts.length ? parts : [""];
}

const isHighSurrogate = (unit) => unit >= 0xd800 && unit <= 0xdbff;
