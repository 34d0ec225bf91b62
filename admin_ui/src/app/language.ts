/** English and French: the browser's choice, or the one that was made in the menu. Only the language in use is loaded. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";

export const LANGUAGES = ["en", "fr"] as const;
export type Language = (typeof LANGUAGES)[number];

const CHOICE = "penstock.language";

function wanted(): Language {
  const asked = [localStorage.getItem(CHOICE), ...navigator.languages].map((each) => each?.slice(0, 2));
  return (
    LANGUAGES.find((each) => asked.includes(each) && each === asked.find((a) => a === "en" || a === "fr")) ??
    "en"
  );
}

async function wordsOf(language: Language) {
  return (language === "fr" ? await import("@/locales/fr.json") : await import("@/locales/en.json")).default;
}

/** Load the words before anything is shown. */
export async function prepareLanguage(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    interpolation: { escapeValue: false },
    resources: { en: { translation: await wordsOf("en") } },
  });
  const language = wanted();
  if (language !== "en") await chooseLanguage(language, { keep: false });
}

export async function chooseLanguage(language: Language, { keep = true } = {}): Promise<void> {
  if (keep) localStorage.setItem(CHOICE, language);
  i18next.addResourceBundle(language, "translation", await wordsOf(language));
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}
