"""The page's pure modules, tested where they run: each exported `test…` of modules/*_test.js in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser

pytestmark = pytest.mark.e2e

MODULES = Path(__file__).parent / "modules"
TESTS = [
    (module.name, name)
    for module in sorted(MODULES.glob("*_test.js"))
    for name in re.findall(r"^export (?:async )?function (test\w+)\(", module.read_text(), re.MULTILINE)
]
RUN = """async ([module, name]) => {
  const tests = await import(`/modules/${module}`);
  try {
    await tests[name]();
    return null;
  } catch (problem) {
    return `${problem.message}\\n${problem.stack}`;
  }
}"""
TIMEOUT_MS = 60_000


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(("module", "name"), TESTS, ids=[f"{module[:-8]}-{name}" for module, name in TESTS])
async def test_module(browser: Browser, modules_url: str, module: str, name: str) -> None:
    page = await browser.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    try:
        await page.goto(modules_url)
        failure = await page.evaluate(RUN, [module, name])
    finally:
        await page.close()
    assert failure is None, failure


def test_every_module_of_tests_is_found() -> None:
    assert len(TESTS) >= 50
    assert {module for module, _ in TESTS} == {path.name for path in MODULES.glob("*_test.js")}
