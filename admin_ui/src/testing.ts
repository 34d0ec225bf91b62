/** What jsdom lacks and the component library asks for; loaded before every unit test. */
import { vi } from "vitest";

window.matchMedia = (query) => ({
  matches: false,
  media: query,
  onchange: null,
  addListener: vi.fn(),
  removeListener: vi.fn(),
  addEventListener: vi.fn(),
  removeEventListener: vi.fn(),
  dispatchEvent: vi.fn(),
});
window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
