/** A QR code as a drawing: dark on white in every light, since that is what readers expect. */
import { drawing } from "../elements.js";
import { qrModules } from "./qr.js";

const QUIET = 4;

/** @param {string} label what the code is for, never what is in it. */
export function qrDrawing(text, label) {
  const modules = qrModules(text);
  const side = modules.length + 2 * QUIET;
  const path = modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : ""))).join("");
  return drawing(
    "svg",
    { class: "qr", viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    drawing("rect", { width: side, height: side, fill: "#fff" }),
    drawing("path", { d: path, fill: "#000" }),
  );
}
