"""What any eye and any screen reader needs of a page, measured in the page itself."""

from playwright.async_api import Page

_UNNAMED = """() => {
  const visible = (node) => node.checkVisibility({ checkVisibilityCSS: true });
  // What stands in a choice is its values, not its name.
  const own = (node) => (node.matches("select") ? "" : node.textContent.trim());
  const name = (node) => (node.getAttribute("aria-label") ?? "").trim()
    || (node.labels?.length ? node.labels[0].textContent.trim() : "") || own(node);
  return [...document.querySelectorAll("button, input, select, a[href], [role=img], [role=region]")]
    .filter((node) => visible(node) && !name(node))
    .map((node) => node.outerHTML.slice(0, 120));
}"""

# Text against what is behind it, by WCAG 2's formula; large text (24 px, or 18.66 px bold) may have 3:1.
_PALE = """() => {
  const numbers = (colour) => {
    const found = colour.match(/^rgba?\\(([^)]+)\\)$/);
    if (!found) throw new Error(`a colour that this test can't read: ${colour}`);
    const [r, g, b, a = 1] = found[1].split(/[ ,/]+/).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => {
    const mix = (one, other) => one * top.a + other * (1 - top.a);
    return { r: mix(top.r, below.r), g: mix(top.g, below.g), b: mix(top.b, below.b), a: 1 };
  };
  const luminance = ({ r, g, b }) => {
    const linear = (value) => {
      const s = value / 255;
      return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const background = (node) => {
    const layers = [];
    for (let one = node; one; one = one.parentElement) layers.push(numbers(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const opacity = (node) => {
    let product = 1;
    for (let one = node; one; one = one.parentElement) product *= Number(getComputedStyle(one).opacity);
    return product;
  };
  const pale = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const node = walker.currentNode.parentElement;
    if (!text || node.closest(".unseen, noscript, option")) continue;
    if (!node.checkVisibility({ checkVisibilityCSS: true })) continue;
    seen += 1;
    const style = getComputedStyle(node);
    const behind = background(node);
    const ink = numbers(node instanceof SVGElement ? style.fill : style.color);
    const front = over({ ...ink, a: ink.a * opacity(node) }, behind);
    const [light, dark] = [luminance(front), luminance(behind)].sort((one, other) => other - one);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600);
    if (ratio < (large ? 3 : 4.5)) pale.push(`${ratio.toFixed(2)} ${text.slice(0, 40)}`);
  }
  return { seen, pale };
}"""


async def controls_without_name(page: Page) -> list[str]:
    unnamed: list[str] = await page.evaluate(_UNNAMED)
    return unnamed


async def pale_texts(page: Page) -> tuple[int, list[str]]:
    """How many texts were measured, and those with too little contrast."""
    found = await page.evaluate(_PALE)
    return found["seen"], found["pale"]


async def overflows(page: Page) -> bool:
    """Whether the page is wider than the window."""
    wider: bool = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return wider
