/** A file of people before the hub sees it: its letters, its header, what its columns are taken for, its parts. Pure. */

/** What a column may be; `ignore` is for the rest. */
export const IMPORT_FIELDS = ["employee_number", "display_name", "site", "department", "badge"];

/** The contract's bounds: characters of a part, bytes of the frame that carries it (less its other fields). */
const PART_CHARACTERS = 40_000;
const PART_BYTES = 60_000;
const SAMPLE_ROWS = 3;

/** Usual names of columns, as `plain` leaves them. */
const USUAL = {
  employee_number: ["employeenumber", "number", "employeeid", "employee", "no", "id", "numero", "numeroempleado", "numerodeempleado", "empleado", "codigo", "matricula", "legajo", "nempleado"],
  display_name: ["displayname", "name", "fullname", "employeename", "nombre", "nombrecompleto", "nombreyapellidos", "apellidosynombre"],
  site: ["site", "location", "plant", "workplace", "centro", "centrodetrabajo", "sede", "planta", "ubicacion"],
  department: ["department", "dept", "team", "area", "departamento", "dpto", "seccion", "equipo"],
  badge: ["badge", "card", "badgenumber", "cardnumber", "rfid", "tarjeta", "credencial", "numerodetarjeta", "ntarjeta"],
};

const plain = (text) => text.normalize("NFD").toLowerCase().replace(/[^a-z0-9]/g, "");

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

/** @returns {string[]} for each column the field that its name stands for, each field once; else `ignore`. */
export function proposedMapping(columns) {
  const free = new Set(IMPORT_FIELDS);
  return columns.map((column) => {
    const field = IMPORT_FIELDS.find((one) => free.has(one) && (plain(column) === plain(one) || USUAL[one].includes(plain(column))));
    free.delete(field);
    return field ?? "ignore";
  });
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
