/** Colours, type and defaults of the component library; contrasts hold WCAG 2.2 AA in light and dark. */

import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";
import i18next from "i18next";

/** The water's blue. */
const tide: MantineColorsTuple = [
  "#e9f6fb",
  "#d4eaf3",
  "#a6d5e7",
  "#74bfdb",
  "#4dacd0",
  "#369fc9",
  "#2699c6",
  "#16799f",
  "#0b6a8e",
  "#005a7c",
];

export const theme = createTheme({
  primaryColor: "tide",
  colors: { tide },
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  defaultRadius: "md",
  fontFamily: "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', Menlo, 'Liberation Mono', monospace",
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  headings: {
    fontWeight: "600",
    sizes: { h1: { fontSize: "1.25rem" }, h2: { fontSize: "1rem" }, h3: { fontSize: "0.875rem" } },
  },
  cursorType: "pointer",
  components: {
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true } },
    Modal: {
      defaultProps: () => ({
        centered: true,
        overlayProps: { backgroundOpacity: 0.4 },
        closeButtonProps: { "aria-label": i18next.t("action.close") },
      }),
    },
    Button: { defaultProps: { size: "sm" } },
    TextInput: { defaultProps: { size: "sm" } },
    Select: { defaultProps: { size: "sm" } },
  },
});

/** Surfaces and texts: quiet greys, and words that are dimmed yet readable (4.5 to 1 and more). */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#ffffff",
    "--mantine-color-text": "#16191d",
    "--mantine-color-dimmed": "#5b6470",
    "--mantine-color-placeholder": "#6a727d",
    "--mantine-color-default-border": "#e3e6ea",
    "--mantine-color-error": "#b4231f",
    "--pen-ground": "#f7f8f9",
    "--pen-raised": "#ffffff",
    "--pen-hover": "#f1f4f6",
    "--pen-chosen": "#e4f1f7",
    "--pen-line": "#e8ebee",
    "--pen-blue": "#0b6a8e",
    "--pen-green": "#1b7a3d",
    "--pen-amber": "#8f5a00",
    "--pen-red": "#b4231f",
    "--pen-violet": "#6a3fb5",
    "--pen-grey": "#5b6470",
  },
  dark: {
    "--mantine-color-body": "#17191c",
    "--mantine-color-text": "#e6e8eb",
    "--mantine-color-dimmed": "#a0a8b3",
    "--mantine-color-placeholder": "#8d95a0",
    "--mantine-color-default-border": "#33383e",
    "--mantine-color-anchor": "#74bfdb",
    "--mantine-color-error": "#ff8a85",
    "--pen-ground": "#101214",
    "--pen-raised": "#17191c",
    "--pen-hover": "#1f2327",
    "--pen-chosen": "#17303b",
    "--pen-line": "#26292e",
    "--pen-blue": "#74bfdb",
    "--pen-green": "#6fce8d",
    "--pen-amber": "#f0b454",
    "--pen-red": "#ff8a85",
    "--pen-violet": "#b99cf0",
    "--pen-grey": "#a0a8b3",
  },
});
