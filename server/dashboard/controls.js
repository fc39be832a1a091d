/** The page's own controls (language, light, search, help, keys): what is pressed becomes an intent of `main.js`. */
import { byId } from "./elements.js";
import { translate } from "./i18n.js";
import { listenToKeys } from "./keyboard.js";

/** What follows language and theme and nothing else. */
export function dress(language, theme) {
  translate(document.documentElement, language);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language.name));
  }
  const label = language.say(`theme_${theme.name}`);
  byId("theme").setAttribute("aria-label", label);
  byId("theme").setAttribute("title", label);
  byId("theme").querySelector("use").setAttribute("href", `#icon-${theme.name}`);
}

/**
 * @param {object} intents search(query), clear(), openRollcall(), closeRollcall(), leave(), nextTheme(),
 *   speak(language), step(by).
 */
export function listen(intents) {
  const search = byId("search");
  search.addEventListener("input", () => intents.search(search.value));
  byId("clear").addEventListener("click", () => {
    search.value = "";
    intents.clear();
    search.focus();
  });
  byId("rollcall-open").addEventListener("click", intents.openRollcall);
  byId("sign-out").addEventListener("click", intents.leave);
  byId("own-security").addEventListener("click", () => byId("account-menu").hidePopover());
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address behind # says what is looked at
    byId(byId("office").hidden ? "people-title" : "office-title")?.focus();
  });
  byId("theme").addEventListener("click", intents.nextTheme);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => intents.speak(button.dataset.language));
  }
  listenToKeys(document, {
    onSearch() {
      intents.closeRollcall();
      const own = byId("office").hidden ? search : document.querySelector("#office [data-search]");
      own?.focus();
      own?.select();
    },
    onStep: intents.step,
    onHelp: () => byId("help").showModal(),
    onEscape(event) {
      if (event.target === search) {
        search.value = "";
        intents.search("");
        search.blur();
      } else if (event.target.matches("[data-search]")) {
        event.target.value = "";
        event.target.dispatchEvent(new Event("input"));
      } else if (!document.querySelector("dialog[open], :popover-open")) {
        intents.closeRollcall();
      }
    },
  });
}

/** How many people show, whether that is all of them, and what to say where nobody does. */
export function showFound({ language, look: { query, status }, people }, found) {
  const search = byId("search");
  if (search.value !== query && document.activeElement !== search) search.value = query;
  byId("clear").hidden = !query && !status;
  byId("found").textContent = language.say("found", { count: found });
  byId("nobody").hidden = found > 0;
  if (found > 0) return;
  const asked = query && status ? "nobody_both" : query ? "nobody_found" : `nobody_${status}`;
  const word = status ? language.say(status) : "";
  byId("nobody-text").textContent = language.say(people.size === 0 ? "no_people_text" : asked, { query, word });
}

/** Once, for those who listen instead of looking: how many people a search or a filter left. */
export function announceFound(language, found) {
  byId("announcer").textContent = language.say("found", { count: found });
}
